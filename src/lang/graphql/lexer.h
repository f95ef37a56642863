// Bytes → tokens, section 2.1. Used by the parser alone.
#pragma once

#include <cstdint>
#include <string_view>

namespace interlock::graphql {

enum class TokenKind : std::uint8_t {
  end,
  punctuator,  // text: one of ! $ & ( ) : = @ [ ] { | } or ...
  name,
  integer,
  floating,
  string,        // text: what stands between the quotes, escapes unresolved
  block_string,  // text: likewise
  bad,           // error() says why
};

struct Token {
  TokenKind kind = TokenKind::end;
  bool has_escape = false;  // of strings: a backslash stands in it
  std::string_view text;
  std::size_t offset = 0;

  bool Is(char punctuator) const { return kind == TokenKind::punctuator && text[0] == punctuator; }
};

// Hands out one token after the other. `text` must be well-formed UTF-8 and outlive the tokens.
class Lexer {
 public:
  explicit Lexer(std::string_view text) : text_(text) {}
  // After `bad` and after `end` the same token comes again.
  Token Next();
  std::string_view error() const { return error_; }

 private:
  void SkipIgnored();
  Token Number();
  Token String();
  Token BlockString();
  Token Bad(std::size_t offset, std::string_view why);

  std::string_view text_;
  std::size_t at_ = 0;
  std::string_view error_;
};

// The value of a string token (section 2.9.4), written to `out`, which has room for as many bytes
// as the token has: a value is never longer than its text. nullptr is a broken escape; else one
// past the last byte written.
char* Unescape(std::string_view raw, char* out);
// The same for a block string: line ends become \n, the common indentation and blank lines at both
// ends go away.
char* UnescapeBlock(std::string_view raw, char* out);

}  // namespace interlock::graphql
