// Finds credentials in text: one pass of Vectorscan over every byte, then a close look at each
// place where it saw a sign.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "credential/detect/rule.h"

namespace interlock::credential {

class Search;

struct Detection {
  std::size_t offset = 0;  // of the secret itself
  std::size_t size = 0;
  const Rule* rule = nullptr;  // lives as long as the detector
  bool proven = false;         // a checksum or its structure leaves no doubt
  bool operator==(const Detection&) const = default;
};

// What is looked for.
enum class Look {
  formats,     // what its own form gives away, for text that may hold anything
  everything,  // passwords, logins and keys that only their names give away, too
};

// The most detections of one text; a text with more of them is cut off there and says so.
inline constexpr std::size_t kDetectionsMax = 10'000;

struct Detections {
  std::vector<Detection> found;  // ascending, not overlapping
  bool complete = true;
};

// Const use is thread-safe; each thread keeps scratch memory of its own.
class Detector {
 public:
  // Rules whose databases were compiled before, the best for a processor first; `rules` outlives
  // the detector. Where this processor refuses all of them, they are compiled anew.
  static Result<std::unique_ptr<Detector>> Open(std::span<const Rule> rules,
                                                std::span<const std::string_view> formats,
                                                std::span<const std::string_view> everything);

  // Compiles other rules; `book` moves in. invalid_input: the first pass can't hold a pattern.
  static Result<std::unique_ptr<Detector>> Make(RuleBook book);

  ~Detector();
  Detector(const Detector&) = delete;
  Detector& operator=(const Detector&) = delete;

  // At most 1 GiB. No byte is special.
  Detections Find(std::string_view text, Look look) const;

  std::span<const Rule> rules() const;

 private:
  friend class Search;
  struct Parts;
  explicit Detector(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

// One pattern of the first pass. The number is the rule's index, or kLineNumber for names whose
// line has to be read.
inline constexpr unsigned kLineNumber = 1u << 20;
struct FirstPassPattern {
  std::string pattern;
  unsigned number = 0;
};
std::vector<FirstPassPattern> FirstPass(std::span<const Rule> rules, Look look);

// A database for one kind of processor, in the form it is kept in a file.
enum class Processor { here, any, avx2 };
Result<std::string> CompileFirstPass(std::span<const Rule> rules, Look look, Processor processor);

}  // namespace interlock::credential
