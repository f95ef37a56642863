// Answers as Railway gives them, for tests: the project "rental" with production, staging and
// pr-17.
//
// "pg-data" has an instance in production and in staging, "uploads" one in production, "cache" one
// in staging, "pr-data" one in pr-17.
#pragma once

#include <string>
#include <vector>

#include "scope/railway_walk.h"

namespace interlock::scope::example {

inline const TimePoint kSeenAt{std::chrono::milliseconds(1'777'000'000'000)};

struct Connection {
  std::string nodes;  // JSON values, separated by commas
  bool more = false;
  std::string cursor = {};
};

inline std::string Json(const Connection& connection) {
  std::string edges;
  int depth = 0;
  std::string node;
  const auto flush = [&] {
    if (node.empty()) return;
    edges += (edges.empty() ? "" : ",") + std::string("{\"node\":") + node + "}";
    node.clear();
  };
  for (char c : connection.nodes) {
    if (c == '{') ++depth;
    if (c == ',' && depth == 0) {
      flush();
      continue;
    }
    node += c;
    if (c == '}') --depth;
  }
  flush();
  return "{\"pageInfo\":{\"hasNextPage\":" + std::string(connection.more ? "true" : "false") +
         ",\"endCursor\":" +
         (connection.cursor.empty() ? "null" : "\"" + connection.cursor + "\"") + "},\"edges\":[" +
         edges + "]}";
}

inline std::string Environment(const std::string& id, const std::string& name, bool ephemeral,
                               bool access = true) {
  return "{\"id\":\"" + id + "\",\"name\":\"" + name +
         "\",\"isEphemeral\":" + (ephemeral ? "true" : "false") +
         ",\"canAccess\":" + (access ? "true" : "false") + "}";
}

inline std::string Service(const std::string& id, const std::string& name) {
  return R"({"id":")" + id + R"(","name":")" + name + R"("})";
}

struct InstanceIs {
  std::string id, environment_id, environment_name;
  bool ephemeral = false;
  std::string service = "\"s-pg\"";
  double used_mb = 4100;
  bool pending = false;
};

inline std::string Instance(const InstanceIs& i) {
  return "{\"id\":\"" + i.id + "\",\"environmentId\":\"" + i.environment_id +
         "\",\"environment\":" + Environment(i.environment_id, i.environment_name, i.ephemeral) +
         ",\"serviceId\":" + i.service +
         ",\"mountPath\":\"/data\",\"currentSizeMB\":" + std::to_string(i.used_mb) +
         ",\"state\":\"READY\",\"isPendingDeletion\":" + (i.pending ? "true" : "false") + "}";
}

inline std::string Volume(const std::string& id, const std::string& name,
                          const Connection& instances) {
  return R"({"id":")" + id + R"(","name":")" + name + R"(","volumeInstances":)" + Json(instances) +
         "}";
}

struct ProjectIs {
  std::string id = "p-1";
  std::string name = "rental";
  std::string primary = "\"e-prod\"";
  Connection environments = {Environment("e-prod", "production", false) + "," +
                             Environment("e-stag", "staging", false) + "," +
                             Environment("e-pr17", "pr-17", true)};
  Connection services = {Service("s-pg", "postgres") + "," + Service("s-web", "web")};
  Connection volumes = {Volume("v-pg", "pg-data",
                               {Instance({"i-pg-prod", "e-prod", "production"}) + "," +
                                Instance({.id = "i-pg-stag",
                                          .environment_id = "e-stag",
                                          .environment_name = "staging",
                                          .used_mb = 812.4})}) +
                        "," +
                        Volume("v-up", "uploads",
                               {Instance({.id = "i-up",
                                          .environment_id = "e-prod",
                                          .environment_name = "production",
                                          .service = "\"s-web\""})}) +
                        "," +
                        Volume("v-cache", "cache",
                               {Instance({.id = "i-cache",
                                          .environment_id = "e-stag",
                                          .environment_name = "staging",
                                          .service = "null",
                                          .used_mb = 12})}) +
                        "," +
                        Volume("v-pr", "pr-data",
                               {Instance({.id = "i-pr",
                                          .environment_id = "e-pr17",
                                          .environment_name = "pr-17",
                                          .ephemeral = true,
                                          .used_mb = 3})})};
};

inline std::string Project(const ProjectIs& p) {
  return R"({"id":")" + p.id + R"(","name":")" + p.name + R"(","primaryEnvironmentId":)" +
         p.primary + R"(,"environments":)" + Json(p.environments) + R"(,"services":)" +
         Json(p.services) + R"(,"volumes":)" + Json(p.volumes) + "}";
}

inline std::string Page(const Connection& projects) {
  return R"({"data":{"projects":)" + Json(projects) + "}}";
}

// The world after an account's walk over these answers.
inline Result<World> WalkOver(ViewKind view, const std::vector<std::string>& answers) {
  RailwayWalk walk(view);
  for (const std::string& answer : answers) {
    if (!walk.NextRequest()) return Fail(Code::internal, "the walk asked for fewer answers");
    ILK_TRY_VOID(walk.OnResponse(answer));
  }
  return walk.Finish(kSeenAt);
}

inline Result<World> WorldOf(const ProjectIs& project) {
  return WalkOver(ViewKind::account, {Page({Project(project)})});
}

// What a project token of staging shows.
inline std::vector<std::string> ProjectTokenAnswers() {
  return {
      R"({"data":{"projectToken":{"projectId":"p-1","environmentId":"e-stag",)"
      R"("project":{"id":"p-1","name":"rental"},)"
      R"("environment":{"id":"e-stag","name":"staging","isEphemeral":false}}}})",
      R"({"data":{"environment":{"id":"e-stag","name":"staging","isEphemeral":false,)"
      R"("serviceInstances":{"pageInfo":{"hasNextPage":false},"edges":[)"
      R"({"node":{"serviceId":"s-pg","serviceName":"postgres"}}]},)"
      R"("volumeInstances":{"pageInfo":{"hasNextPage":false},"edges":[)"
      R"({"node":{"id":"i-pg-stag","volumeId":"v-pg","environmentId":"e-stag","serviceId":"s-pg",)"
      R"("mountPath":"/data","currentSizeMB":812.4,"state":"READY","isPendingDeletion":false,)"
      R"("volume":{"id":"v-pg","name":"pg-data"}}}]}}}})",
  };
}

}  // namespace interlock::scope::example
