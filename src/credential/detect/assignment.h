// Names and the values they are given, in whatever language a line is written.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

namespace interlock::credential {

struct Assignment {
  std::string name;         // its words in lower case: "_sumo_access_key_"
  std::string_view value;   // lies in the text
  std::string_view longer;  // the same with what stands behind a "=" in its middle
  bool is_quoted = false;
  bool has_sign = false;   // "=", ":" or the like stands between, not only space
  bool is_called = false;  // "(", "[" or ".." follows: a function, a table, or cut short
};

// Every value in [begin, text.size()) with a name before it; names may lie before `begin`. In
// `- name: TOKEN` / `  value: x` the name is TOKEN.
void VisitAssignments(std::string_view text, std::size_t begin,
                      const std::function<void(const Assignment&)>& visit);

// "MessageBirdClientID" → "_message_bird_client_id_".
std::string NameWords(std::string_view text);

// Whether some word of the name, or several together, begin with this: "_message_bird_…" begins
// with "messagebird"; "_rook_table_" doesn't with "okta".
bool HasWord(std::string_view name, std::string_view word);

// Speaks of a key, token, secret, password or login.
bool SpeaksOfCredential(std::string_view name);

}  // namespace interlock::credential
