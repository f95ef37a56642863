#include "base/clock.h"

#include <array>
#include <cstdio>

namespace interlock {
namespace {

// Reads exactly `digits` decimal digits from the front of `text`; -1 when they are not there.
int TakeNumber(std::string_view& text, std::size_t digits) {
  if (text.size() < digits) return -1;
  int value = 0;
  for (std::size_t i = 0; i < digits; ++i) {
    if (text[i] < '0' || text[i] > '9') return -1;
    value = value * 10 + (text[i] - '0');
  }
  text.remove_prefix(digits);
  return value;
}

bool TakeMark(std::string_view& text, char mark) {
  if (!text.starts_with(mark)) return false;
  text.remove_prefix(1);
  return true;
}

}  // namespace

std::string FormatTime(TimePoint time) {
  using namespace std::chrono;
  const auto day = floor<days>(time);
  const year_month_day date{day};
  const hh_mm_ss clock{time - day};
  std::array<char, 40> text{};
  const int size = std::snprintf(
      text.data(), text.size(), "%04d-%02u-%02uT%02d:%02d:%02d.%03dZ",
      static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
      static_cast<unsigned>(date.day()), static_cast<int>(clock.hours().count()),
      static_cast<int>(clock.minutes().count()), static_cast<int>(clock.seconds().count()),
      static_cast<int>(clock.subseconds().count()));
  return {text.data(), static_cast<std::size_t>(size)};
}

Result<TimePoint> ParseTime(std::string_view text) {
  using namespace std::chrono;
  const auto wrong = [] {
    return Fail(Code::invalid_input,
                "time is not RFC 3339 in UTC, such as 2026-04-24T09:12:03.250Z");
  };
  const int y = TakeNumber(text, 4);
  const bool mark1 = TakeMark(text, '-');
  const int m = TakeNumber(text, 2);
  const bool mark2 = TakeMark(text, '-');
  const int d = TakeNumber(text, 2);
  const bool mark3 = TakeMark(text, 'T');
  const int hour = TakeNumber(text, 2);
  const bool mark4 = TakeMark(text, ':');
  const int minute = TakeNumber(text, 2);
  const bool mark5 = TakeMark(text, ':');
  const int second = TakeNumber(text, 2);
  if (y < 0 || m < 0 || d < 0 || hour < 0 || minute < 0 || second < 0) return wrong();
  if (!mark1 || !mark2 || !mark3 || !mark4 || !mark5) return wrong();
  int millis = 0;
  if (TakeMark(text, '.')) {
    std::size_t digits = 0;
    for (; digits < 9; ++digits) {
      const int digit = TakeNumber(text, 1);
      if (digit < 0) break;
      if (digits < 3) millis = millis * 10 + digit;
    }
    if (digits == 0) return wrong();
    for (; digits < 3; ++digits) millis *= 10;
  }
  if (text != "Z") return wrong();
  const year_month_day date{year{y}, month{static_cast<unsigned>(m)},
                            day{static_cast<unsigned>(d)}};
  if (!date.ok() || hour > 23 || minute > 59 || second > 59) return wrong();
  return TimePoint{sys_days{date}} + hours{hour} + minutes{minute} + seconds{second} +
         milliseconds{millis};
}

}  // namespace interlock
