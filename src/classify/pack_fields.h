// Typed look-ups in a map of a pack file. Every one reports what is wrong and goes on, so that one
// reading finds every problem. Private to classify/.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "action/action.h"
#include "classify/pack.h"
#include "classify/yaml.h"

namespace interlock::classify {

enum class Need { required, optional };

// False, and a problem, when `node` is no map. Reports keys that aren't among `known`.
bool IsMapOf(const YamlNode& node, std::initializer_list<std::string_view> known,
             Problems& problems);

std::string TextAt(const YamlNode& map, std::string_view key, Need need, Problems& problems);
// A list of texts; a single text is a list of one.
std::vector<std::string> TextsAt(const YamlNode& map, std::string_view key, Need need,
                                 Problems& problems);
std::vector<std::string> TextsOf(const YamlNode& node, Problems& problems);
bool FlagAt(const YamlNode& map, std::string_view key, bool otherwise, Problems& problems);
// The items of a list; empty when absent.
const std::vector<YamlNode>& ListAt(const YamlNode& map, std::string_view key, Problems& problems);
Effect EffectAt(const YamlNode& map, std::string_view key, Problems& problems);
Disclosure DisclosureAt(const YamlNode& map, std::string_view key, Problems& problems);

// `hands_out`: the kind of the whole answer, or a list of `{ at: PATH, kind: KIND }`.
std::vector<HandOut> HandsOutAt(const YamlNode& map, Disclosure discloses, Problems& problems);

// "did you mean …" with its lead, or "".
std::string Suggestion(std::string_view word, std::initializer_list<std::string_view> known);

}  // namespace interlock::classify
