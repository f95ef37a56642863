// What can fail returns a Result; what the peer may not do is a value of its own (Malformed,
// Verdict); what must not be false here ends the process (ILK_CHECK).
#pragma once

#include <cstdio>
#include <cstdlib>
#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace interlock {

enum class Code {
  invalid_input,  // the caller's bytes or words are wrong
  not_found,      // the named thing isn't there
  denied,         // understood, and refused
  unavailable,    // a file, socket, database or provider did not answer
  conflict,       // somebody else changed it first, or it is already decided
  limit,          // a stated bound was reached
  verification,   // a signature, digest or proof does not hold
  internal,
};

struct Error {
  Code code = Code::internal;
  std::string message;  // names the thing that failed and what to do; never holds secret material
};

// A value or the reason there is none.
template <typename T>
using Result = std::expected<T, Error>;

inline std::unexpected<Error> Fail(Code code, std::string message) {
  return std::unexpected<Error>(Error{code, std::move(message)});
}

[[noreturn]] inline void CheckFailed(const char* file, int line, const char* condition) {
  std::fprintf(stderr, "interlock: internal error at %s:%d: %s\n", file, line, condition);
  std::abort();
}

// On in release builds. Bytes of a peer never reach a check.
#define ILK_CHECK(condition) \
  ((condition) ? void(0) : ::interlock::CheckFailed(__FILE__, __LINE__, #condition))

// ILK_TRY(name, expression): name = value, or return the error.
#define ILK_CONCAT2(a, b) a##b
#define ILK_CONCAT(a, b) ILK_CONCAT2(a, b)
#define ILK_TRY(name, expression)                                                      \
  auto ILK_CONCAT(result_, __LINE__) = (expression);                                   \
  if (!ILK_CONCAT(result_, __LINE__))                                                  \
    return std::unexpected<::interlock::Error>(ILK_CONCAT(result_, __LINE__).error()); \
  auto name = std::move(*ILK_CONCAT(result_, __LINE__))
#define ILK_TRY_VOID(expression)                                                         \
  if (auto ILK_CONCAT(result_, __LINE__) = (expression); !ILK_CONCAT(result_, __LINE__)) \
  return std::unexpected<::interlock::Error>(ILK_CONCAT(result_, __LINE__).error())

// Match{lambdas...}: one std::visit visitor out of several lambdas.
template <typename... Ts>
struct Match : Ts... {
  using Ts::operator()...;
};
template <typename... Ts>
Match(Ts...) -> Match<Ts...>;

}  // namespace interlock
