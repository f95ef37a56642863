#include "scope/railway_walk.h"

#include <map>

#include "base/bytes.h"
#include "scope/answer_reader.h"
#include "scope/targets.h"

namespace interlock::scope {
namespace {

constexpr std::size_t kPageSize = 50;
// A provider that hands out empty pages for ever must not keep the walk alive.
constexpr std::size_t kPagesMax = 2 * kProjectsMax / kPageSize;

// Railway has no look-up of a volume by its id, so the tree is walked. `service` of an instance is
// not asked for: its type is non-null, and a detached instance would fail the whole answer. An
// environment that the token may not access is listed, but what lives in it may not be.
constexpr std::string_view kProjectsQuery =
    "query InterlockWalk($first: Int!, $after: String) {"
    " projects(first: $first, after: $after) { pageInfo { hasNextPage endCursor } edges { node {"
    " id name primaryEnvironmentId"
    " environments(first: 100) { pageInfo { hasNextPage } edges { node { id name isEphemeral "
    "canAccess } } }"
    " services(first: 100) { pageInfo { hasNextPage } edges { node { id name } } }"
    " volumes(first: 100) { pageInfo { hasNextPage } edges { node { id name"
    " volumeInstances(first: 100) { pageInfo { hasNextPage } edges { node { id environmentId"
    " environment { id name isEphemeral } serviceId mountPath currentSizeMB state"
    " isPendingDeletion } } } } } } } } } }";

constexpr std::string_view kTokenQuery =
    "query InterlockToken { projectToken { projectId environmentId project { id name }"
    " environment { id name isEphemeral } } }";

constexpr std::string_view kEnvironmentQuery =
    "query InterlockEnvironment($id: String!, $project: String) {"
    " environment(id: $id, projectId: $project) { id name isEphemeral"
    " serviceInstances(first: 100) { pageInfo { hasNextPage } edges { node { serviceId"
    " serviceName } } }"
    " volumeInstances(first: 100) { pageInfo { hasNextPage } edges { node { id volumeId"
    " environmentId serviceId mountPath currentSizeMB state isPendingDeletion"
    " volume { id name } } } } } }";

std::string RequestBody(std::string_view query, json::object variables) {
  return Canonical(json::object{{"query", query}, {"variables", std::move(variables)}});
}

std::size_t ThingsIn(const Parts& parts) {
  return parts.environments.size() + parts.services.size() + parts.volumes.size() +
         parts.instances.size();
}

VolumeInstance ReadInstance(AnswerReader& node, std::string volume) {
  VolumeInstance instance;
  instance.id = node.Id("id");
  instance.volume = std::move(volume);
  instance.environment = node.Id("environmentId");
  instance.service = node.IdOrNull("serviceId");
  instance.mount_path = node.Text("mountPath");
  instance.used_mb = node.Number("currentSizeMB");
  instance.state = node.TextOrNull("state");
  instance.pending_deletion = node.Bool("isPendingDeletion");
  return instance;
}

Environment EnvironmentOf(AnswerReader& node, const std::string& project) {
  return {node.Id("id"), node.Text("name"), project, node.Bool("isEphemeral")};
}

// Reads one project into the parts; notes what the answer leaves out.
class ProjectReader {
 public:
  ProjectReader(AnswerReader node, Parts& parts) : node_(std::move(node)), parts_(parts) {}

  void Read() {
    project_.id = node_.Id("id");
    project_.name = node_.Text("name");
    project_.primary_environment = node_.IdOrNull("primaryEnvironmentId");
    for (AnswerReader& node : NodesOf(node_, "environments")) ReadEnvironment(node);
    for (AnswerReader& node : NodesOf(node_, "services"))
      parts_.services.push_back({node.Id("id"), node.Text("name"), project_.id});
    for (AnswerReader& node : NodesOf(node_, "volumes")) ReadVolume(node);
    if (!project_.primary_environment.empty() && !listed_.contains(project_.primary_environment))
      LeavesOut("the project's list of environments leaves out its primary one");
    parts_.projects.push_back(std::move(project_));
  }

 private:
  void LeavesOut(std::string because) { project_.incomplete_because = std::move(because); }

  std::vector<AnswerReader> NodesOf(AnswerReader& from, std::string_view key) {
    AnswerReader::Connection connection = from.Nodes(key);
    if (connection.has_next_page)
      LeavesOut("the provider has more " + std::string(key) + " than one answer shows");
    return std::move(connection.nodes);
  }

  void ReadEnvironment(AnswerReader& node) {
    const Environment environment = EnvironmentOf(node, project_.id);
    if (!node.Bool("canAccess"))
      LeavesOut("the token may not look into environment " +
                EscapeForHumans(environment.name, 120));
    listed_.emplace(environment.id, environment);
    parts_.environments.push_back(environment);
  }

  void ReadVolume(AnswerReader& node) {
    const std::string id = node.Id("id");
    parts_.volumes.push_back({id, node.Text("name"), project_.id});
    for (AnswerReader& instance : NodesOf(node, "volumeInstances")) {
      parts_.instances.push_back(ReadInstance(instance, id));
      AnswerReader inner = instance.Object("environment");
      const Environment environment = EnvironmentOf(inner, project_.id);
      if (environment.id != parts_.instances.back().environment)
        inner.Refuse("id", "the instance's environmentId");
      const auto [known, is_new] = listed_.emplace(environment.id, environment);
      if (known->second.name != environment.name ||
          known->second.ephemeral != environment.ephemeral)
        inner.Refuse("name", "what the project's list says");
      if (!is_new) continue;
      parts_.environments.push_back(environment);
      LeavesOut("the project's list of environments leaves some out");
    }
  }

  AnswerReader node_;
  Parts& parts_;
  Project project_;
  std::map<std::string, Environment> listed_;
};

}  // namespace

RailwayWalk::RailwayWalk(ViewKind view)
    : stage_(view == ViewKind::account ? Stage::projects : Stage::token) {
  parts_.view = view;
}

std::optional<std::string> RailwayWalk::NextRequest() {
  if (waiting_) return std::nullopt;
  waiting_ = true;
  switch (stage_) {
    case Stage::token:
      return RequestBody(kTokenQuery, {});
    case Stage::environment:
      return RequestBody(kEnvironmentQuery, {{"id", environment_}, {"project", project_}});
    case Stage::projects: {
      json::object variables = {{"first", kPageSize}};
      variables["after"] = cursor_.empty() ? json::value(nullptr) : json::value(cursor_);
      return RequestBody(kProjectsQuery, std::move(variables));
    }
    case Stage::done:
    case Stage::failed:
      break;
  }
  waiting_ = false;
  return std::nullopt;
}

Result<void> RailwayWalk::OnResponse(std::string_view body) {
  if (!waiting_) return Fail(Code::invalid_input, "an answer that nobody asked for");
  waiting_ = false;
  Result<void> read = Read(body);
  if (!read) {
    stage_ = Stage::failed;
    read.error().message = "reading the environments from Railway: " + read.error().message;
  }
  return read;
}

Result<void> RailwayWalk::Read(std::string_view body) {
  if (body.size() > kAnswerBytesMax) return Fail(Code::limit, "an answer of more than 8 MiB");
  ILK_TRY(data, ReadData(body));
  std::string fault;
  AnswerReader root(data, "data", fault);
  const Stage next = stage_ == Stage::token         ? ReadToken(root)
                     : stage_ == Stage::environment ? ReadEnvironment(root)
                                                    : ReadProjects(root);
  if (!fault.empty()) return Fail(Code::invalid_input, fault);
  if (parts_.projects.size() > kProjectsMax || ThingsIn(parts_) > kThingsMax || pages_ > kPagesMax)
    return Fail(Code::limit, "more projects, or more in them, than can be kept");
  stage_ = next;
  return {};
}

RailwayWalk::Stage RailwayWalk::ReadToken(AnswerReader& root) {
  AnswerReader token = root.Object("projectToken");
  AnswerReader project = token.Object("project");
  project_ = token.Id("projectId");
  environment_ = token.Id("environmentId");
  if (project.Id("id") != project_) project.Refuse("id", "the token's projectId");
  AnswerReader environment = token.Object("environment");
  if (environment.Id("id") != environment_) environment.Refuse("id", "the token's environmentId");
  parts_.projects.push_back(
      {project_, project.Text("name"), "",
       "a project token shows one environment of its project, and none of the others"});
  return Stage::environment;
}

RailwayWalk::Stage RailwayWalk::ReadEnvironment(AnswerReader& root) {
  AnswerReader environment = root.Object("environment");
  parts_.environments.push_back(EnvironmentOf(environment, project_));
  if (parts_.environments.back().id != environment_)
    environment.Refuse("id", "the one that was asked for");
  for (AnswerReader& node : environment.Nodes("serviceInstances").nodes)
    parts_.services.push_back({node.Id("serviceId"), node.Text("serviceName"), project_});
  // Instances that are not shown take nothing from those that are: the project counts as incomplete
  // in any case.
  for (AnswerReader& node : environment.Nodes("volumeInstances").nodes) {
    AnswerReader volume = node.Object("volume");
    parts_.volumes.push_back({volume.Id("id"), volume.Text("name"), project_});
    parts_.instances.push_back(ReadInstance(node, node.Id("volumeId")));
  }
  return Stage::done;
}

RailwayWalk::Stage RailwayWalk::ReadProjects(AnswerReader& root) {
  AnswerReader::Connection projects = root.Nodes("projects");
  for (AnswerReader& node : projects.nodes) ProjectReader(node, parts_).Read();
  ++pages_;
  if (!projects.has_next_page) return Stage::done;
  if (projects.end_cursor.empty() || projects.end_cursor == cursor_)
    root.Refuse("projects", "a page that leads to the next one");
  cursor_ = projects.end_cursor;
  return Stage::projects;
}

Result<World> RailwayWalk::Finish(TimePoint now) {
  if (!Done())
    return Fail(Code::unavailable, "reading the environments from Railway did not come to its end");
  stage_ = Stage::failed;
  parts_.seen_at = now;
  return World::Build(std::move(parts_));
}

}  // namespace interlock::scope
