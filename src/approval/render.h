// The page a human reads before signing: a deterministic rendering of a statement, of all of it and
// of nothing else. What can't be shown in full can't be approved.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "approval/statement.h"

namespace interlock::approval {

enum class Color { none, ansi };

struct RenderOptions {
  TimePoint now;
  Color color = Color::none;
  std::size_t width = 80;        // columns, at least 60
  std::size_t lines_max = 2000;  // more than that nobody reads
};

// Code::limit when the statement is longer than the page may be, Code::invalid_input when its body
// is not text or is compressed; both messages say "can't be shown in full, can't be approved".
Result<std::string> Render(const Statement& statement, const RenderOptions& options);

// One line for a notification. Not something to approve from: long names are cut, with a mark.
std::string Summary(const Statement& statement);

// What an approver has to type: the target's name where it is one plain ASCII name, else the first
// eight digits of the action's digest.
std::string TypeToApprove(const Statement& statement);

// "railway.volumeDelete" as words: "delete volume". Other shapes stay as they are, without the
// provider.
std::string OperationInWords(std::string_view operation);

// "production and staging", the mapped names, production first, in the order a reader needs them;
// "production (unresolved)" where scope could not be observed; "no environment" where none applies.
std::string EnvironmentsInWords(const Scope& scope);

}  // namespace interlock::approval
