// Printing for people: tables, colour where a terminal wants it, JSON for programs.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace interlock::app {

bool StdoutIsTerminal();

enum class Tint { none, bold, dim, red, green, yellow };
// `text` in colour on a terminal (and without NO_COLOR), as it is elsewhere.
std::string Tinted(std::string_view text, Tint tint);

// Columns padded to their widest cell; the first row is the heading.
void PrintTable(const std::vector<std::vector<std::string>>& rows);

// The member's text as a cell of a table; "" where there is none.
std::string Cell(const json::object& object, std::string_view key);

void PrintJson(const json::value& value);

// A thousand as "1,000".
std::string Grouped(std::int64_t number);

}  // namespace interlock::app
