#include "reader.h"

#include <algorithm>
#include <utility>

namespace interlock::railsim {
namespace {

// Nested connections multiply; more than this in one answer is refused.
constexpr std::size_t kAnsweredMax = 200'000;

struct Table {
  std::string_view type;
  const char* columns;
  const char* from;
  // What the caller sees: ?1 is its environment, ?2 its project, both "" for an account token.
  const char* visible;
  const char* order;
};

// clang-format off
constexpr Table kTables[] = {
    {"Project",
     "p.id, p.name, '' AS description, p.createdAt, p.createdAt AS updatedAt, p.scheduledDeletionAt AS deletedAt, p.workspaceId, 0 AS isPublic, "
     "(SELECT x.id FROM environments x WHERE x.projectId = p.id AND x.isEphemeral = 0 AND x.deletedAt IS NULL ORDER BY x.createdAt LIMIT 1) AS primaryEnvironmentId, "
     "(SELECT x.id FROM environments x WHERE x.projectId = p.id AND x.isEphemeral = 0 AND x.deletedAt IS NULL ORDER BY x.createdAt LIMIT 1) AS baseEnvironmentId",
     "projects p", "p.deletedAt IS NULL AND (?2 = '' OR p.id = ?2) AND (?1 = ?1)", "p.createdAt, p.id"},
    {"Environment", "e.id, e.name, e.projectId, e.isEphemeral, 1 AS canAccess, e.createdAt, e.createdAt AS updatedAt, e.deletedAt",
     "environments e", "e.deletedAt IS NULL AND (?1 = '' OR e.id = ?1) AND (?2 = ?2)", "e.createdAt, e.id"},
    {"Service", "s.id, s.name, s.icon, s.projectId, s.createdAt, s.createdAt AS updatedAt, s.deletedAt",
     "services s", "s.deletedAt IS NULL AND (?1 = '' OR EXISTS (SELECT 1 FROM serviceInstances x WHERE x.serviceId = s.id AND x.environmentId = ?1 AND x.deletedAt IS NULL)) AND (?2 = ?2)",
     "s.createdAt, s.name"},
    {"ServiceInstance",
     "i.id, i.serviceId, s.name AS serviceName, i.environmentId, i.createdAt, i.updatedAt, i.deletedAt, "
     "i.config->>'startCommand' AS startCommand, i.config->>'buildCommand' AS buildCommand, i.config->>'cronSchedule' AS cronSchedule, "
     "i.config->>'healthcheckPath' AS healthcheckPath, i.config->>'rootDirectory' AS rootDirectory, i.config->>'region' AS region, "
     "i.config->>'numReplicas' AS numReplicas, i.config->>'sleepApplication' AS sleepApplication",
     "serviceInstances i JOIN services s ON s.id = i.serviceId", "i.deletedAt IS NULL AND (?1 = '' OR i.environmentId = ?1) AND (?2 = ?2)", "i.createdAt, i.id"},
    {"Deployment", "d.id, d.status, e.projectId, d.environmentId, d.serviceId, d.createdAt, d.createdAt AS updatedAt, 1 AS canRedeploy",
     "deployments d JOIN environments e ON e.id = d.environmentId", "(?1 = '' OR d.environmentId = ?1) AND (?2 = ?2)", "d.createdAt DESC, d.rowid DESC"},
    {"Volume", "v.id, v.name, v.projectId, v.createdAt",
     "volumes v", "v.deletedAt IS NULL AND (?1 = '' OR EXISTS (SELECT 1 FROM volumeInstances x WHERE x.volumeId = v.id AND x.environmentId = ?1 AND x.deletedAt IS NULL)) AND (?2 = ?2)",
     "v.createdAt, v.rowid"},
    {"VolumeInstance",
     "i.id, i.volumeId, i.environmentId, i.serviceId, i.mountPath, i.sizeMB, i.state, 0 AS isPendingDeletion, 'vol_' || substr(i.id, 1, 8) AS externalId, "
     "'europe-west4' AS region, i.createdAt, i.deletedAt",
     "volumeInstances i", "i.deletedAt IS NULL AND (?1 = '' OR i.environmentId = ?1) AND (?2 = ?2)", "i.rowid"},
    {"VolumeInstanceBackup",
     "b.id, b.name, b.createdAt, b.expiresAt, 'bak_' || substr(b.id, 1, 8) AS externalId, b.scheduleId, NULL AS creatorId, i.sizeMB AS volumeInstanceSizeMB, "
     "i.volumeId, i.id AS instanceId",
     "backups b JOIN volumeInstances i ON i.id = b.volumeInstanceId", "b.deletedAt IS NULL AND i.deletedAt IS NULL AND (?1 = '' OR i.environmentId = ?1) AND (?2 = ?2)",
     "b.createdAt DESC"},
    {"VolumeInstanceBackupSchedule", "c.id, lower(c.kind) AS name, c.kind, c.cron, c.retentionSeconds, c.createdAt",
     "schedules c JOIN volumeInstances i ON i.id = c.volumeInstanceId", "i.deletedAt IS NULL AND (?1 = '' OR i.environmentId = ?1) AND (?2 = ?2)", "c.createdAt, c.rowid"},
    {"Workspace", "w.id, w.name, w.createdAt", "workspaces w", "w.deletedAt IS NULL AND ?1 = '' AND ?2 = ''", "w.rowid"},
    {"ApiTokenWorkspace", "w.id, w.name", "workspaces w", "w.deletedAt IS NULL AND ?1 = '' AND ?2 = ''", "w.rowid"},
    {"User", "u.id, u.name, u.email, u.createdAt", "users u", "?1 = '' AND ?2 = ''", "u.rowid"},
    {"ApiToken", "t.id, t.name, substr(t.value, 1, 4) || '****' AS displayToken, NULL AS workspaceId", "tokens t", "t.kind = 'account' AND ?1 = '' AND ?2 = ''", "t.rowid"},
    {"ProjectToken", "t.id, t.name, substr(t.value, 1, 4) || '****' AS displayToken, t.projectId, t.environmentId, t.createdAt",
     "tokens t", "t.kind = 'project' AND (?1 = '' OR t.environmentId = ?1) AND (?2 = ?2)", "t.rowid"},
    {"WorkflowResult", "f.status, NULL AS error", "workflows f", "(?1 = ?1) AND (?2 = ?2)", "f.rowid"},
    {"EnvironmentPatch", "g.id, g.environmentId, 'STAGED' AS status, g.createdAt, g.createdAt AS updatedAt, NULL AS appliedAt, NULL AS lastAppliedError, NULL AS message, g.patch",
     "staged g", "(?1 = '' OR g.environmentId = ?1) AND (?2 = ?2)", "g.rowid"},
    {"CustomDomain", "d.id, d.domain, d.projectId, d.environmentId, d.serviceId, d.targetPort, 'ACTIVE' AS syncStatus, d.createdAt, d.createdAt AS updatedAt, d.deletedAt",
     "domains d", "d.deletedAt IS NULL AND (?1 = '' OR d.environmentId = ?1) AND (?2 = ?2)", "d.createdAt, d.rowid"},
};
// clang-format on

// Where objects of a field's type hang on their owner: a column of theirs, and a column of the
// owner's.
struct Link {
  std::string_view owner;
  std::string_view field;
  const char* where;  // ?3 is the owner's column
  std::string_view column;
};
constexpr Link kLinks[] = {
    {"Project", "workspace", "w.id = ?3", "workspaceId"},
    {"Project", "environments", "e.projectId = ?3", "id"},
    {"Project", "services", "s.projectId = ?3", "id"},
    {"Project", "volumes", "v.projectId = ?3", "id"},
    {"Environment", "volumeInstances", "i.environmentId = ?3", "id"},
    {"Environment", "serviceInstances", "i.environmentId = ?3", "id"},
    {"Environment", "deployments", "d.environmentId = ?3", "id"},
    {"Service", "project", "p.id = ?3", "projectId"},
    {"Service", "serviceInstances", "i.serviceId = ?3", "id"},
    {"ServiceInstance", "service", "s.id = ?3", "serviceId"},
    {"ServiceInstance", "latestDeployment",
     "d.id = (SELECT x.id FROM deployments x JOIN serviceInstances y ON y.serviceId = x.serviceId "
     "AND "
     "y.environmentId = x.environmentId WHERE y.id = ?3 ORDER BY x.createdAt DESC, x.rowid DESC "
     "LIMIT 1)",
     "id"},
    {"Deployment", "environment", "e.id = ?3", "environmentId"},
    {"Deployment", "service", "s.id = ?3", "serviceId"},
    {"Volume", "project", "p.id = ?3", "projectId"},
    {"Volume", "volumeInstances", "i.volumeId = ?3", "id"},
    {"VolumeInstance", "environment", "e.id = ?3", "environmentId"},
    {"VolumeInstance", "service", "s.id = ?3", "serviceId"},
    {"VolumeInstance", "volume", "v.id = ?3", "volumeId"},
    {"Workspace", "projects", "p.workspaceId = ?3", "id"},
    {"User", "workspaces", "?3 = ?3", "id"},
    {"ApiTokenContext", "workspaces", "?3 = ?3", "id"},
    {"ProjectToken", "project", "p.id = ?3", "projectId"},
    {"ProjectToken", "environment", "e.id = ?3", "environmentId"},
    {"EnvironmentPatch", "environment", "e.id = ?3", "environmentId"},
};

const Table& TableOf(std::string_view type) {
  const auto* const at = std::ranges::find(kTables, type, &Table::type);
  ILK_CHECK(at != std::end(kTables));
  return *at;
}

double Megabytes(std::int64_t bytes) { return static_cast<double>(bytes) / 1e6; }

// Sizes as whole megabytes, at least one for what is there.
std::int64_t WholeMegabytes(std::int64_t bytes) { return bytes == 0 ? 0 : bytes / 1'000'000 + 1; }

}  // namespace

void Reader::Measure(Object& object) {
  json::object& row = object.row;
  if (object.type == "VolumeInstance") {
    row["currentSizeMB"] = Megabytes(VolumeFiles::Bytes(
        world_.files().Instance(FindString(row, "volumeId"), FindString(row, "id"))));
  } else if (object.type == "VolumeInstanceBackup") {
    const auto bytes = VolumeFiles::Bytes(world_.files().Backup(
        FindString(row, "volumeId"), FindString(row, "instanceId"), FindString(row, "id")));
    row["usedMB"] = WholeMegabytes(bytes);
    row["referencedMB"] = WholeMegabytes(bytes);
  }
}

Result<std::vector<Object>> Reader::Many(std::string_view type, const std::string& where,
                                         std::initializer_list<json::value> parameters) {
  const Table& table = TableOf(type);
  json::array bound{json::value(caller_.environment), json::value(caller_.project)};
  for (const json::value& parameter : parameters) bound.push_back(parameter);
  ILK_TRY(rows, world_.db().Query(std::string("SELECT ") + table.columns + " FROM " + table.from +
                                      " WHERE " + table.visible + " AND " + where + " ORDER BY " +
                                      table.order,
                                  bound));
  std::vector<Object> objects;
  for (json::value& row : rows) {
    objects.push_back({std::string(type), std::move(row.as_object())});
    Measure(objects.back());
  }
  return objects;
}

Result<Object> Reader::One(std::string_view type, std::string_view id) {
  const std::string alias = TableOf(type).columns;
  ILK_TRY(found, Many(type, alias.substr(0, alias.find('.')) + ".id = ?3", {json::value(id)}));
  if (found.empty()) return Fail(Code::not_found, std::string(type) + " not found");
  return std::move(found.front());
}

Result<std::vector<Object>> Reader::Credentials(std::string_view name,
                                                const json::object& arguments) {
  if (name == "projectToken") {
    if (IsAccount()) return Fail(Code::denied, "Project Token not found");
    return Many("ProjectToken", "t.id = ?3", {json::value(caller_.token_id)});
  }
  if (name == "projectTokens") {
    return Many("ProjectToken", "t.projectId = ?3",
                {json::value(FindString(arguments, "projectId"))});
  }
  if (!IsAccount()) return NotAuthorized();
  if (name == "me") return Many("User", "1");
  if (name == "apiTokens") return Many("ApiToken", "1");
  return std::vector<Object>{{"ApiTokenContext", {{"id", ""}}}};
}

Result<std::vector<Object>> Reader::FromRoot(const PlannedField& field) {
  const json::object& arguments = field.arguments;
  const std::string_view name = field.name;
  const auto text = [&](std::string_view key) { return json::value(FindString(arguments, key)); };
  if (name == "projects")
    return Many("Project", "(?3 = '' OR p.workspaceId = ?3)", {text("workspaceId")});
  if (name == "environments") return Many("Environment", "e.projectId = ?3", {text("projectId")});
  if (name == "serviceInstance") {
    return Many("ServiceInstance", "i.environmentId = ?3 AND i.serviceId = ?4",
                {text("environmentId"), text("serviceId")});
  }
  if (name == "volumeInstanceBackupList" || name == "volumeInstanceBackupScheduleList") {
    ILK_TRY_VOID(One("VolumeInstance", FindString(arguments, "volumeInstanceId")));
    return Many(field.spec->type, "i.id = ?3", {text("volumeInstanceId")});
  }
  if (name == "workspace") return Many("Workspace", "w.id = ?3", {text("workspaceId")});
  if (name == "workflowStatus") {
    ILK_TRY(found, Many("WorkflowResult", "f.id = ?3", {text("workflowId")}));
    if (found.empty())
      found.push_back({"WorkflowResult", {{"status", "NotFound"}, {"error", nullptr}}});
    return found;
  }
  if (name == "environmentStagedChanges") {
    ILK_TRY_VOID(One("Environment", FindString(arguments, "environmentId")));
    ILK_TRY(found, Many("EnvironmentPatch", "g.environmentId = ?3", {text("environmentId")}));
    if (found.empty()) {
      found.push_back({"EnvironmentPatch",
                       {{"id", ""},
                        {"environmentId", text("environmentId")},
                        {"status", "STAGED"},
                        {"patch", "{}"}}});
    }
    return found;
  }
  if (name == "project" || name == "environment" || name == "service" || name == "volumeInstance") {
    ILK_TRY(one, One(field.spec->type, FindString(arguments, "id")));
    const std::string_view project = FindString(arguments, "projectId");
    if (!project.empty() && FindString(one.row, "projectId") != project) {
      return Fail(Code::not_found, std::string(field.spec->type) + " not found");
    }
    return std::vector<Object>{std::move(one)};
  }
  return Credentials(name, arguments);
}

Result<std::vector<Object>> Reader::Linked(const Object& owner, const PlannedField& field) {
  if (owner.type == "Query") return FromRoot(field);
  const auto* const link = std::ranges::find_if(kLinks, [&](const Link& each) {
    return each.owner == owner.type && each.field == field.name;
  });
  ILK_CHECK(link != std::end(kLinks));
  const json::value* key = Find(owner.row, link->column);
  if (key == nullptr || key->is_null()) return std::vector<Object>{};
  return Many(field.spec->type, link->where, {*key});
}

Result<json::value> Reader::Variables(const json::object& arguments) {
  ILK_TRY(environment, One("Environment", FindString(arguments, "environmentId")));
  ILK_TRY(rows, world_.db().Query(
                    "SELECT name, value FROM variables WHERE environmentId = ?1 AND "
                    "(serviceId = ?2 OR serviceId = '') ORDER BY serviceId, name",
                    {environment.row.at("id"), json::value(FindString(arguments, "serviceId"))}));
  json::object variables;  // a service's own value stands over the shared one
  for (const json::value& row : rows) {
    variables.insert_or_assign(FindString(row.as_object(), "name"), row.as_object().at("value"));
  }
  return json::value(std::move(variables));
}

Result<json::value> Reader::Scalar(const Object& owner, const PlannedField& field) {
  if (owner.type == "Query") return Variables(field.arguments);  // the only scalar at the root
  const json::value* value = Find(owner.row, field.name);
  if (value == nullptr || value->is_null()) return json::value(nullptr);
  if (field.spec->type == "Boolean") {
    return json::value(*value != json::value(0) && *value != json::value(false));
  }
  if (field.spec->type == "JSON" && value->is_string())
    return ParseJson(FindString(owner.row, field.name));
  return *value;
}

Result<json::value> Reader::Answer(const Object& owner, const PlannedField& field) {
  if (++answered_ > kAnsweredMax) return Fail(Code::limit, "Query is too complex.");
  if (field.name == "__typename") return json::value(owner.type);
  if (field.spec->kind == FieldKind::scalar) return Scalar(owner, field);
  ILK_TRY(objects, Linked(owner, field));
  if (field.spec->kind == FieldKind::connection) {
    return Connection(owner.type, field, std::move(objects));
  }
  if (field.spec->kind == FieldKind::object) {
    if (!objects.empty()) return Project(objects.front(), field.children);
    if (owner.type == "Query") {
      return Fail(Code::not_found, std::string(field.spec->type) + " not found");
    }
    return json::value(nullptr);
  }
  json::array list;
  for (const Object& object : objects) {
    ILK_TRY(shown, Project(object, field.children));
    list.push_back(std::move(shown));
  }
  return json::value(std::move(list));
}

Result<json::value> Reader::Project(const Object& object, const std::vector<PlannedField>& fields) {
  json::object out;
  for (const PlannedField& field : fields) {
    ILK_TRY(value, Answer(object, field));
    out.insert_or_assign(field.key, std::move(value));
  }
  return json::value(std::move(out));
}

Result<json::value> Reader::Edges(const std::string& type_name, const PlannedField& edges,
                                  const std::vector<Object>& shown) {
  json::array list;
  for (const Object& object : shown) {
    json::object edge;
    for (const PlannedField& field : edges.children) {
      if (field.name == "__typename") {
        edge[field.key] = type_name + "Edge";
      } else if (field.name == "cursor") {
        edge[field.key] = object.row.at("id");
      } else {
        ILK_TRY(node, Project(object, field.children));
        edge[field.key] = std::move(node);
      }
    }
    list.push_back(std::move(edge));
  }
  return json::value(std::move(list));
}

// A cursor is the id of the node it stands at.
Result<json::value> Reader::Connection(std::string_view owner, const PlannedField& field,
                                       std::vector<Object> all) {
  const auto position = [&](std::string_view cursor) {
    return std::ranges::find_if(all,
                                [&](const Object& o) { return FindString(o.row, "id") == cursor; });
  };
  const auto count = [&](std::string_view key) -> std::int64_t {
    const json::value* value = Find(field.arguments, key);
    return value != nullptr && value->is_int64() ? value->get_int64() : -1;
  };
  if (count("first") < -1 || count("last") < -1)
    return Fail(Code::invalid_input, "first and last must not be negative");
  auto begin = all.begin();
  auto end = all.end();
  const std::string_view after = FindString(field.arguments, "after");
  const std::string_view before = FindString(field.arguments, "before");
  if (const auto at = position(after); !after.empty() && at != all.end()) begin = at + 1;
  if (const auto at = position(before); !before.empty() && at != all.end())
    end = std::max(begin, at);
  if (const auto first = count("first"); first >= 0 && first < end - begin) end = begin + first;
  if (const auto last = count("last"); last >= 0 && last < end - begin) begin = end - last;
  const bool has_next = end != all.end();
  const bool has_previous = begin != all.begin();
  const std::vector<Object> shown(begin, end);

  std::string type_name(owner);
  type_name += static_cast<char>(field.name[0] - 'a' + 'A');
  type_name += field.name.substr(1) + "Connection";
  json::object out;
  for (const PlannedField& child : field.children) {
    if (child.name == "__typename") {
      out[child.key] = type_name;
    } else if (child.name == "edges") {
      ILK_TRY(edges, Edges(type_name, child, shown));
      out[child.key] = std::move(edges);
    } else {
      json::object page;
      for (const PlannedField& each : child.children) {
        json::value& value = page[each.key];
        if (each.name == "__typename") value = "PageInfo";
        if (each.name == "hasNextPage") value = has_next;
        if (each.name == "hasPreviousPage") value = has_previous;
        if (shown.empty()) continue;
        if (each.name == "startCursor") value = shown.front().row.at("id");
        if (each.name == "endCursor") value = shown.back().row.at("id");
      }
      out[child.key] = std::move(page);
    }
  }
  return json::value(std::move(out));
}

}  // namespace interlock::railsim
