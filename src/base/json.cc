#include "base/json.h"

#include <string.h>

#include <algorithm>
#include <array>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/string.hpp>
#include <boost/json/value_stack.hpp>
#include <charconv>
#include <cmath>
#include <deque>
#include <exception>
#include <vector>

#include "base/bytes.h"
#include "base/wiping.h"

namespace interlock {
namespace {

// A parser of our own over RFC 8259: Boost 1.81's lets the last of two equal keys win and rounds
// some doubles differently from everybody else. Containers live on an explicit stack, so the depth
// of the input never becomes depth of the call stack.
class Parser {
 public:
  Parser(std::string_view text, JsonLimits limits, json::storage_ptr storage)
      : text_(text),
        limits_(limits),
        wipes_(storage == WipingStorage()),
        stack_(storage, buffer_.data(), buffer_.size()) {
    stack_.reset(std::move(storage));
    frames_.reserve(8);
    keys_.reserve(32);
  }

  ~Parser() {
    if (!wipes_) return;
    explicit_bzero(buffer_.data(), buffer_.size());
    explicit_bzero(unescaped_.data(), unescaped_.size());
  }
  Parser(const Parser&) = delete;
  Parser& operator=(const Parser&) = delete;

  Result<json::value> Parse() {
    SkipSpace();
    if (!Values()) return Fault();
    SkipSpace();
    if (at_ != text_.size()) {
      Say("text after the value");
      return Fault();
    }
    return stack_.release();
  }

 private:
  struct Frame {
    bool is_object;
    std::size_t members;
    std::size_t first_key;  // index into keys_
  };
  struct Key {
    std::string_view text;
    std::size_t offset;
  };

  std::unexpected<Error> Fault() const {
    return Fail(fault_code_,
                "JSON: " + std::string(fault_) + " at byte " + std::to_string(fault_at_));
  }
  bool Say(std::string_view fault, Code code = Code::invalid_input) {
    return SayAt(at_, fault, code);
  }
  bool SayAt(std::size_t at, std::string_view fault, Code code = Code::invalid_input) {
    fault_ = fault;
    fault_at_ = at;
    fault_code_ = code;
    return false;
  }

  char Peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  void SkipSpace() {
    while (at_ < text_.size() &&
           (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\t' || text_[at_] == '\r'))
      ++at_;
  }

  // One value and everything inside it.
  bool Values() {
    do {
      if (!OneValue()) return false;
    } while (!frames_.empty());
    return true;
  }

  // The value at this place: a scalar completely, of a container only its beginning. Afterwards the
  // parser stands before the next value or everything is closed.
  bool OneValue() {
    switch (Peek()) {
      case '{':
        return Open(true);
      case '[':
        return Open(false);
      case '"': {
        std::string_view value;
        if (!String(value)) return false;
        stack_.push_string(value);
        return Next();
      }
      case 't':
        return Word("true") && (stack_.push_bool(true), Next());
      case 'f':
        return Word("false") && (stack_.push_bool(false), Next());
      case 'n':
        return Word("null") && (stack_.push_null(), Next());
      default:
        return Number() && Next();
    }
  }

  bool Word(std::string_view word) {
    if (!text_.substr(at_).starts_with(word)) return Say("unknown word");
    at_ += word.size();
    return true;
  }

  bool Open(bool is_object) {
    if (frames_.size() >= limits_.depth_max) return Say("nested too deeply", Code::limit);
    ++at_;
    frames_.push_back({is_object, 0, keys_.size()});
    SkipSpace();
    if (Peek() == (is_object ? '}' : ']')) return Close() && Next();
    return !is_object || MemberKey();
  }

  // After a value: closes what ends here and leads to the next value, if there is one.
  bool Next() {
    while (!frames_.empty()) {
      Frame& frame = frames_.back();
      ++frame.members;
      SkipSpace();
      const char c = Peek();
      if (c == ',') {
        ++at_;
        SkipSpace();
        return !frame.is_object || MemberKey();
      }
      if (c != (frame.is_object ? '}' : ']'))
        return Say(at_ == text_.size() ? "unexpected end"
                                       : "expected a comma or a closing bracket");
      if (!Close()) return false;
    }
    return true;
  }

  bool Close() {
    const Frame frame = frames_.back();
    ++at_;
    if (frame.is_object) {
      if (!KeysDiffer(frame.first_key)) return false;
      keys_.resize(frame.first_key);
      stack_.push_object(frame.members);
    } else {
      stack_.push_array(frame.members);
    }
    frames_.pop_back();
    return true;
  }

  // Sorting makes the cost n log n whatever keys the peer chooses.
  bool KeysDiffer(std::size_t first) {
    const auto begin = keys_.begin() + static_cast<std::ptrdiff_t>(first);
    std::sort(begin, keys_.end(), [](const Key& a, const Key& b) { return a.text < b.text; });
    const auto twin = std::adjacent_find(
        begin, keys_.end(), [](const Key& a, const Key& b) { return a.text == b.text; });
    if (twin == keys_.end()) return true;
    return SayAt(std::max(twin->offset, std::next(twin)->offset), "duplicate key");
  }

  bool MemberKey() {
    const std::size_t offset = at_;
    if (Peek() != '"')
      return Say(at_ == text_.size() ? "unexpected end" : "expected a key in double quotes");
    std::string_view key;
    if (!String(key)) return false;
    stack_.push_key(key);
    // Only unescaped text is a copy that the next string overwrites.
    if (key.data() == unescaped_.data()) key = owned_keys_.emplace_back(key);
    keys_.push_back({key, offset});
    SkipSpace();
    if (Peek() != ':') return Say("expected a colon");
    ++at_;
    SkipSpace();
    return true;
  }

  // `out` points into the text, or into unescaped_ until the next string.
  bool String(std::string_view& out) {
    const std::size_t start = ++at_;
    bool escaped = false;
    bool ascii = true;
    while (at_ < text_.size()) {
      const auto c = static_cast<unsigned char>(text_[at_]);
      if (c == '"') break;
      if (c < 0x20) return Say("control character in a string");
      if (c >= 0x80) ascii = false;
      if (c == '\\') {
        escaped = true;
        ++at_;
      }
      ++at_;
    }
    if (at_ >= text_.size()) return SayAt(text_.size(), "string without an end");
    const std::string_view raw = text_.substr(start, at_ - start);
    if (!ascii && !IsUtf8(raw)) return SayAt(start, "invalid UTF-8 in the string");
    ++at_;
    out = raw;
    return !escaped || Unescape(raw, start, out);
  }

  bool Unescape(std::string_view raw, std::size_t start, std::string_view& out) {
    unescaped_.clear();
    for (std::size_t i = 0; i < raw.size(); ++i) {
      if (raw[i] != '\\') {
        unescaped_ += raw[i];
        continue;
      }
      const std::size_t escape = start + i;
      switch (raw[++i]) {  // the scan stepped over it, so it is there
        case '"':
          unescaped_ += '"';
          break;
        case '\\':
          unescaped_ += '\\';
          break;
        case '/':
          unescaped_ += '/';
          break;
        case 'b':
          unescaped_ += '\b';
          break;
        case 'f':
          unescaped_ += '\f';
          break;
        case 'n':
          unescaped_ += '\n';
          break;
        case 'r':
          unescaped_ += '\r';
          break;
        case 't':
          unescaped_ += '\t';
          break;
        case 'u': {
          std::uint32_t point = 0;
          if (!HexUnit(raw, i + 1, point)) return SayAt(escape, "broken \\u escape");
          i += 4;
          if (point >= 0xdc00 && point <= 0xdfff) return SayAt(escape, "lone surrogate");
          if (point >= 0xd800 && point <= 0xdbff) {
            std::uint32_t low = 0;
            if (raw.substr(i + 1, 2) != "\\u" || !HexUnit(raw, i + 3, low) || low < 0xdc00 ||
                low > 0xdfff)
              return SayAt(escape, "lone surrogate");
            point = 0x10000 + ((point - 0xd800) << 10 | (low - 0xdc00));
            i += 6;
          }
          AppendUtf8(point);
          break;
        }
        default:
          return SayAt(escape, "unknown escape");
      }
    }
    out = unescaped_;
    return true;
  }

  static bool HexUnit(std::string_view raw, std::size_t at, std::uint32_t& unit) {
    if (at + 4 > raw.size()) return false;
    const char* end = raw.data() + at + 4;
    const auto [stop, error] = std::from_chars(raw.data() + at, end, unit, 16);
    return error == std::errc() && stop == end;
  }

  void AppendUtf8(std::uint32_t point) {
    const auto put = [this](std::uint32_t byte) { unescaped_ += static_cast<char>(byte); };
    if (point < 0x80) return put(point);
    if (point < 0x800) {
      put(0xc0 | point >> 6);
    } else {
      if (point < 0x10000) {
        put(0xe0 | point >> 12);
      } else {
        put(0xf0 | point >> 18);
        put(0x80 | (point >> 12 & 0x3f));
      }
      put(0x80 | (point >> 6 & 0x3f));
    }
    put(0x80 | (point & 0x3f));
  }

  bool Digits() {
    const std::size_t start = at_;
    while (Peek() >= '0' && Peek() <= '9') ++at_;
    return at_ > start;
  }

  bool Number() {
    const std::size_t start = at_;
    const bool negative = Peek() == '-';
    if (negative) ++at_;
    const std::size_t first_digit = at_;
    if (!Digits())
      return SayAt(start, start == text_.size() ? "unexpected end" : "expected a value");
    if (text_[first_digit] == '0' && at_ > first_digit + 1)
      return SayAt(start, "number with a leading zero");
    bool integer = true;
    if (Peek() == '.') {
      integer = false;
      ++at_;
      if (!Digits()) return SayAt(start, "number without digits after the point");
    }
    if (Peek() == 'e' || Peek() == 'E') {
      integer = false;
      ++at_;
      if (Peek() == '+' || Peek() == '-') ++at_;
      if (!Digits()) return SayAt(start, "number without digits in the exponent");
    }
    return PushNumber(start, integer, negative);
  }

  bool PushNumber(std::size_t start, bool integer, bool negative) {
    const char* begin = text_.data() + start;
    const char* end = text_.data() + at_;
    if (integer && text_.substr(start, at_ - start) != "-0") {
      std::int64_t whole = 0;
      if (std::from_chars(begin, end, whole).ec == std::errc())
        return stack_.push_int64(whole), true;
      std::uint64_t large = 0;
      if (!negative && std::from_chars(begin, end, large).ec == std::errc())
        return stack_.push_uint64(large), true;
    }
    double real = 0;
    const auto error = std::from_chars(begin, end, real).ec;
    // from_chars calls both overflow and underflow out of range; neither is a number that the peer
    // could have meant and that we could pass on.
    if (error != std::errc() || !std::isfinite(real))
      return SayAt(start, "number out of range", Code::limit);
    stack_.push_double(real);
    return true;
  }

  std::string_view text_;
  JsonLimits limits_;
  std::size_t at_ = 0;
  std::string_view fault_;
  std::size_t fault_at_ = 0;
  Code fault_code_ = Code::invalid_input;
  std::vector<Frame> frames_;
  std::vector<Key> keys_;  // of all open objects, the innermost last
  std::deque<std::string> owned_keys_;
  std::string unescaped_;
  bool wipes_;
  alignas(16) std::array<unsigned char, 4096> buffer_;
  json::value_stack stack_;
};

// UTF-16 code-unit order on UTF-8 bytes: it differs from byte order only in that U+10000 and above
// (lead bytes F0..F4, surrogates in UTF-16) come before U+E000..U+FFFF (lead bytes EE, EF).
bool Utf16Less(std::string_view a, std::string_view b) {
  const auto [x, y] = std::ranges::mismatch(a, b);
  if (y == b.end()) return false;
  if (x == a.end()) return true;
  const auto p = static_cast<unsigned char>(*x);
  const auto q = static_cast<unsigned char>(*y);
  if (p >= 0xee && q >= 0xee && (p >= 0xf0) != (q >= 0xf0)) return p >= 0xf0;
  return p < q;
}

void AppendString(std::string& out, std::string_view text) {
  constexpr std::string_view kHex = "0123456789abcdef";
  out += '"';
  std::size_t plain = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c >= 0x20 && c != '"' && c != '\\') continue;
    out.append(text.substr(plain, i - plain));
    plain = i + 1;
    out += '\\';
    switch (c) {
      case '"':
        out += '"';
        break;
      case '\\':
        out += '\\';
        break;
      case '\b':
        out += 'b';
        break;
      case '\f':
        out += 'f';
        break;
      case '\n':
        out += 'n';
        break;
      case '\r':
        out += 'r';
        break;
      case '\t':
        out += 't';
        break;
      default:
        out += "u00";
        out += kHex[c >> 4];
        out += kHex[c & 15];
    }
  }
  out.append(text.substr(plain));
  out += '"';
}

// ECMAScript Number::toString (ECMA-262 6.1.6.1.20), which RFC 8785 3.2.2.3 prescribes.
void AppendDouble(std::string& out, double value) {
  ILK_CHECK(std::isfinite(value));
  if (value == 0) {
    out += '0';
    return;
  }
  std::array<char, 40> text;
  const auto shortest =
      std::to_chars(text.data(), text.data() + text.size(), value, std::chars_format::scientific);
  std::string_view form(text.data(), static_cast<std::size_t>(shortest.ptr - text.data()));
  if (form.front() == '-') {
    out += '-';
    form.remove_prefix(1);
  }
  const std::size_t e = form.find('e');
  std::string digits(form.substr(0, 1));
  if (e > 2) digits += form.substr(2, e - 2);
  int exponent = 0;
  const bool small = form[e + 1] == '-';
  std::from_chars(form.data() + e + 2, form.data() + form.size(), exponent);
  const int point = (small ? -exponent : exponent) + 1;  // the standard's n
  const int count = static_cast<int>(digits.size());     // the standard's k
  if (count <= point && point <= 21) {
    out += digits;
    out.append(static_cast<std::size_t>(point - count), '0');
  } else if (0 < point && point <= 21) {
    out.append(digits, 0, static_cast<std::size_t>(point));
    out += '.';
    out.append(digits, static_cast<std::size_t>(point));
  } else if (-6 < point && point <= 0) {
    out += "0.";
    out.append(static_cast<std::size_t>(-point), '0');
    out += digits;
  } else {
    out += digits[0];
    if (count > 1) {
      out += '.';
      out.append(digits, 1);
    }
    out += point > 0 ? "e+" : "e-";
    out += std::to_string(std::abs(point - 1));
  }
}

void AppendValue(std::string& out, const json::value& value);

void AppendObject(std::string& out, const json::object& object) {
  std::vector<const json::key_value_pair*> members;
  members.reserve(object.size());
  for (const auto& member : object) members.push_back(&member);
  std::ranges::sort(members, Utf16Less, [](const json::key_value_pair* member) {
    return std::string_view(member->key());
  });
  out += '{';
  for (const auto* member : members) {
    if (member != members.front()) out += ',';
    AppendString(out, member->key());
    out += ':';
    AppendValue(out, member->value());
  }
  out += '}';
}

// Recurses as deep as the value is; values of peers are bounded by JsonLimits.
void AppendValue(std::string& out, const json::value& value) {
  switch (value.kind()) {
    case json::kind::null:
      out += "null";
      return;
    case json::kind::bool_:
      out += value.get_bool() ? "true" : "false";
      return;
    // Integers beyond 2^53 keep all their digits, where ECMAScript would round them: two different
    // ids must never have one canonical form.
    case json::kind::int64:
      out += std::to_string(value.get_int64());
      return;
    case json::kind::uint64:
      out += std::to_string(value.get_uint64());
      return;
    case json::kind::double_:
      AppendDouble(out, value.get_double());
      return;
    case json::kind::string:
      AppendString(out, value.get_string());
      return;
    case json::kind::object:
      AppendObject(out, value.get_object());
      return;
    case json::kind::array: {
      const json::array& array = value.get_array();
      out += '[';
      for (const json::value& item : array) {
        if (&item != array.data()) out += ',';
        AppendValue(out, item);
      }
      out += ']';
      return;
    }
  }
}

}  // namespace

json::storage_ptr WipingStorage() {
  class Wiping final : public json::memory_resource {
    void* do_allocate(std::size_t bytes, std::size_t alignment) override {
      return ::operator new(bytes, std::align_val_t(alignment));
    }
    void do_deallocate(void* at, std::size_t bytes, std::size_t alignment) override {
      explicit_bzero(at, bytes);
      ::operator delete(at, std::align_val_t(alignment));
    }
    bool do_is_equal(const json::memory_resource& other) const noexcept override {
      return this == &other;
    }
  };
  static Wiping wiping;
  return json::storage_ptr(&wiping);
}

namespace {

Result<json::value> Parsed(std::string_view text, JsonLimits limits, json::storage_ptr storage) {
  try {
    return Parser(text, limits, std::move(storage)).Parse();
  } catch (const std::exception&) {
    return Fail(Code::limit, "JSON: a value is larger than memory or the library allows");
  }
}

}  // namespace

Result<json::value> ParseJson(std::string_view text, JsonLimits limits) {
  return Parsed(text, limits, {});
}

Result<json::value> ParseSecretJson(std::string_view text) {
  return Parsed(text, {}, WipingStorage());
}

std::string Canonical(const json::value& value) {
  std::string out;
  AppendValue(out, value);
  return out;
}

const json::value* Find(const json::object& object, std::string_view key) {
  return object.if_contains(key);
}

const json::object* FindObject(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  return value ? value->if_object() : nullptr;
}

const json::array* FindArray(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  return value ? value->if_array() : nullptr;
}

std::string_view FindString(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  const json::string* text = value ? value->if_string() : nullptr;
  return text ? std::string_view(*text) : std::string_view();
}

}  // namespace interlock
