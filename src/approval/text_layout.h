// Text in columns for a terminal, and what hostile text must not be able to do there: hide,
// reorder, or imitate the page around it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace interlock::approval {

// Columns the text takes: wide characters count two, combining marks none.
std::size_t DisplayWidth(std::string_view text);

// One line of somebody else's text: escaped by EscapeForHumans in full, and every blank after the
// first of a run made visible, so that it can't be aligned with a column of the page.
std::string CleanLine(std::string_view text);

// CleanLine for a name: in double quotes unless it is made of plain ASCII letters, digits and
// ._-@:/~
std::string CleanName(std::string_view name);

// Cuts into lines of at most `width` columns, at a blank where there is one; nothing is lost but
// the blanks at which it was cut. Never empty. `width` is at least 8.
std::vector<std::string> Wrap(std::string_view text, std::size_t width);

// The words of `text` that hold letters which look like those of another alphabet, each as
// `"pаg" (U+0430)`. An identifier is suspicious as soon as it holds any letter beyond ASCII.
enum class TextKind { identifier, prose };
std::vector<std::string> LookAlikes(std::string_view text, TextKind kind);

}  // namespace interlock::approval
