// Reads the whole world that a Railway token can see, as questions and answers without a socket.
//
//   RailwayWalk walk(ViewKind::account);
//   while (auto request = walk.NextRequest()) ILK_TRY_VOID(walk.OnResponse(Post(*request)));
//   ILK_TRY(world, walk.Finish(clock.Now()));
//
// Requests are bodies for POST /graphql/v2 (application/json). An account token goes through all
// projects, page by page; a project token asks which environment it is for, then for that one.
// Anything unexpected in an answer (an error beside data, another shape, a page that leads nowhere,
// a limit) ends the walk with an error: then nothing is known, and everything counts as production.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "scope/world.h"

namespace interlock::scope {

inline constexpr std::size_t kProjectsMax = 10'000;
inline constexpr std::size_t kThingsMax = 200'000;  // environments, services, volumes and instances

class AnswerReader;

class RailwayWalk {
 public:
  explicit RailwayWalk(ViewKind view);

  // nullopt when the walk is done, waits for an answer, or failed.
  std::optional<std::string> NextRequest();
  // The body of the answer to the last request; status and headers are the caller's business.
  Result<void> OnResponse(std::string_view body);
  bool Done() const { return stage_ == Stage::done; }
  // Usable once, when Done.
  Result<World> Finish(TimePoint now);

 private:
  enum class Stage { token, environment, projects, done, failed };

  Result<void> Read(std::string_view body);
  Stage ReadToken(AnswerReader& root);
  Stage ReadEnvironment(AnswerReader& root);
  Stage ReadProjects(AnswerReader& root);

  Stage stage_;
  bool waiting_ = false;
  std::size_t pages_ = 0;
  std::string cursor_;                 // of the next page of projects, "" for the first
  std::string project_, environment_;  // of a project token
  Parts parts_;
};

}  // namespace interlock::scope
