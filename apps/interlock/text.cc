#include "text.h"

#include <unistd.h>

#include <algorithm>
#include <boost/json/serialize.hpp>
#include <cstdio>
#include <cstdlib>

#include "base/bytes.h"

namespace interlock::app {

std::string Cell(const json::object& object, std::string_view key) {
  return EscapeForHumans(FindString(object, key));
}

bool StdoutIsTerminal() {
  static const bool terminal = ::isatty(1) == 1;
  return terminal;
}

std::string Tinted(std::string_view text, Tint tint) {
  static const bool colour = StdoutIsTerminal() && std::getenv("NO_COLOR") == nullptr;
  if (!colour || tint == Tint::none) return std::string(text);
  const char* code = "";
  switch (tint) {
    case Tint::none:
      break;
    case Tint::bold:
      code = "\033[1m";
      break;
    case Tint::dim:
      code = "\033[2m";
      break;
    case Tint::red:
      code = "\033[31m";
      break;
    case Tint::green:
      code = "\033[32m";
      break;
    case Tint::yellow:
      code = "\033[33m";
      break;
  }
  return code + std::string(text) + "\033[0m";
}

void PrintTable(const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  for (std::size_t r = 0; r < rows.size(); ++r) {
    std::string line;
    for (std::size_t i = 0; i < rows[r].size(); ++i) {
      std::string cell = rows[r][i];
      if (i + 1 < rows[r].size()) cell.resize(widths[i] + 2, ' ');
      line += r == 0 ? Tinted(cell, Tint::dim) : cell;
    }
    std::printf("%s\n", line.c_str());
  }
}

void PrintJson(const json::value& value) { std::printf("%s\n", json::serialize(value).c_str()); }

std::string Grouped(std::int64_t number) {
  std::string digits = std::to_string(number);
  for (std::ptrdiff_t at = static_cast<std::ptrdiff_t>(digits.size()) - 3;
       at > (number < 0 ? 1 : 0); at -= 3) {
    digits.insert(static_cast<std::size_t>(at), ",");
  }
  return digits;
}

}  // namespace interlock::app
