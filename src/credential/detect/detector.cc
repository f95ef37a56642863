#include "credential/detect/detector.h"

#include <hs/hs.h>
#include <re2/re2.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <map>
#include <mutex>

#include "credential/detect/assignment.h"
#include "credential/detect/checks.h"
#include "credential/detect/coded.h"
#include "credential/detect/plausible.h"
#include "credential/shapes.h"

namespace interlock::credential {
namespace {

constexpr std::size_t kTokenMax = 16u << 10;
constexpr std::size_t kLineBefore = 320;  // of a long line, before the place that is looked at
constexpr std::size_t kLineAfter = 8192;
constexpr std::size_t kAttemptsMax = 8;

struct FreeDatabase {
  void operator()(hs_database_t* database) const { hs_free_database(database); }
};
using Database = std::unique_ptr<hs_database_t, FreeDatabase>;

// Scratch memory fits every database it was enlarged for.
class Scratch {
 public:
  ~Scratch() {
    if (scratch_ != nullptr) hs_free_scratch(scratch_);
  }
  hs_scratch_t* For(const hs_database_t* database, std::uint64_t serial) {
    if (std::ranges::find(known_, serial) == known_.end()) {
      ILK_CHECK(hs_alloc_scratch(database, &scratch_) == HS_SUCCESS);
      known_.push_back(serial);
    }
    return scratch_;
  }

 private:
  hs_scratch_t* scratch_ = nullptr;
  std::vector<std::uint64_t> known_;
};

bool IsWordByte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

// A word of its own: "x\nghp_…" in a string counts, "video.ico-…png" doesn't.
bool StandsAlone(std::string_view text, std::size_t begin, std::size_t end) {
  if (begin > 0 && IsWordByte(text[begin]) &&
      (IsWordByte(text[begin - 1]) || text[begin - 1] == '-')) {
    const bool escaped = begin > 1 && text[begin - 2] == '\\' &&
                         std::string_view("nrt").find(text[begin - 1]) != std::string_view::npos;
    const bool encoded = begin > 2 && text[begin - 3] == '%';
    const bool flag = text[begin - 1] == '-' && (begin == 1 || !IsWordByte(text[begin - 2]));
    if (!escaped && !encoded && !flag) return false;
  }
  if (end < text.size() && IsWordByte(text[end]) && IsWordByte(text[end - 1])) return false;
  constexpr std::array<std::string_view, 12> kFiles = {".png",  ".jpg",  ".svg", ".css",
                                                       ".js",   ".gif",  ".ico", ".bfu",
                                                       ".html", ".woff", ".md",  ".pdf"};
  const std::string_view after = text.substr(end, 6);
  return std::ranges::none_of(kFiles,
                              [&](std::string_view name) { return after.starts_with(name); });
}

// How much of every token of the pattern is the same, so says nothing about its randomness.
std::size_t FixedPart(std::string_view pattern) {
  std::size_t size = 0;
  for (std::size_t i = 0; i < pattern.size(); ++i, ++size) {
    if (pattern[i] == '\\' && i + 1 < pattern.size() && !IsWordByte(pattern[i + 1]))
      ++i;
    else if (!IsWordByte(pattern[i]) && pattern[i] != '-')
      break;
    const char next = i + 1 < pattern.size() ? pattern[i + 1] : '\0';
    if (next == '?' || next == '*' || next == '{' || next == '+') break;
  }
  return size;
}

struct Word {
  std::string_view word;
  std::size_t rule = 0;
};

}  // namespace

struct Detector::Parts {
  RuleBook book;  // empty for the standard rules
  std::span<const Rule> rules;
  Database formats;
  Database everything;
  std::uint64_t serial = 0;
  std::vector<std::size_t> fixed;           // by rule
  std::map<char, std::vector<Word>> words;  // of named rules, by their first letter
  std::vector<std::string_view> prefixes;   // of tokens
  std::size_t password = SIZE_MAX;          // the rules of assignments
  std::size_t assigned = SIZE_MAX;
  // Patterns are compiled when they are needed first.
  mutable std::unique_ptr<std::once_flag[]> once;
  mutable std::vector<std::unique_ptr<RE2>> patterns;

  void Prepare();
  const RE2& Pattern(std::size_t rule) const {
    std::call_once(once[rule], [&] {
      RE2::Options options(RE2::Latin1);
      options.set_log_errors(false);
      options.set_max_mem(1 << 20);
      patterns[rule] = std::make_unique<RE2>(
          re2::StringPiece(rules[rule].pattern.data(), rules[rule].pattern.size()), options);
    });
    return *patterns[rule];
  }
};

void Detector::Parts::Prepare() {
  static std::atomic<std::uint64_t> serials{1};
  serial = serials.fetch_add(2);
  once = std::make_unique<std::once_flag[]>(rules.size());
  patterns.resize(rules.size());
  fixed.resize(rules.size());
  for (std::size_t i = 0; i < rules.size(); ++i) {
    const Rule& rule = rules[i];
    fixed[i] = FixedPart(rule.pattern);
    if (rule.code == "password") password = i;
    if (rule.code == "assigned") assigned = i;
    const std::string_view prefix = rule.pattern.substr(0, fixed[i]);
    if (rule.form == RuleForm::token && prefix.size() >= 4 &&
        (prefix.back() == '-' || prefix.back() == '_') &&
        prefix.find('\\') == std::string_view::npos)
      prefixes.push_back(prefix);
    if (rule.form != RuleForm::named) continue;
    for (std::string_view rest = rule.words; !rest.empty();) {
      const std::size_t comma = std::min(rest.find(','), rest.size());
      words[rest.front()].push_back({rest.substr(0, comma), i});
      rest.remove_prefix(std::min(comma + 1, rest.size()));
    }
  }
}

namespace {

// Meets the demands of a rule on a value, or says how well its checksum fits.
struct Opinion {
  bool counts = false;
  bool proven = false;
};
Opinion Judge(const Rule& rule, std::size_t fixed, std::string_view value) {
  if (!rule.check.empty()) {
    const Checked checked = Check(rule.check, value);
    if (checked == Checked::no) return {};
    if (checked == Checked::fits) return {true, true};
  }
  if (!rule.placeholders_too && IsPlaceholder(value)) return {};
  if (!rule.published.empty() && rule.published.find(Fingerprint(value)) != std::string_view::npos)
    return {};
  const std::string_view random = value.substr(std::min(fixed, value.size()));
  if (!rule.placeholders_too && !IsRandomEnough(random, rule.randomness)) return {};
  if (rule.digits || rule.letters) {
    const Makeup makeup = MakeupOf(random);
    if (rule.digits && makeup.digits == 0) return {};
    if (rule.letters && makeup.letters() == 0) return {};
  }
  return {true, false};
}

}  // namespace

namespace {
thread_local Scratch t_scratch;
}

// One text. Hits of the first pass come in the order of their ends.
class Search {
 public:
  Search(const Detector::Parts& parts, std::string_view text) : parts_(parts), text_(text) {}

  static int OnHit(unsigned number, unsigned long long, unsigned long long to, unsigned,
                   void* self) {
    return static_cast<Search*>(self)->Hit(number, static_cast<std::size_t>(to)) ? 0 : 1;
  }

  Detections Take() {
    std::ranges::stable_sort(found_, [](const Ranked& a, const Ranked& b) {
      return a.rank != b.rank                           ? a.rank < b.rank
             : a.detection.offset != b.detection.offset ? a.detection.offset < b.detection.offset
                                                        : a.detection.size > b.detection.size;
    });
    // The more telling rule keeps a place that two claim.
    std::map<std::size_t, Detection> kept;
    for (const Ranked& ranked : found_) {
      const Detection& d = ranked.detection;
      auto after = kept.lower_bound(d.offset);
      if (after != kept.end() && after->first < d.offset + d.size) continue;
      if (after != kept.begin()) {
        const Detection& before = std::prev(after)->second;
        if (before.offset + before.size > d.offset) continue;
      }
      kept.emplace(d.offset, d);
    }
    Detections out;
    out.complete = complete_;
    out.found.reserve(kept.size());
    for (const auto& [offset, detection] : kept) out.found.push_back(detection);
    return out;
  }

 private:
  struct Ranked {
    std::size_t rank = 0;
    Detection detection;
  };

  // Few rules meet anything in a text.
  std::size_t& Tried(std::size_t rule) {
    for (auto& [known, upto] : tried_) {
      if (known == rule) return upto;
    }
    return tried_.emplace_back(rule, 0).second;
  }

  // False ends the search.
  bool Hit(unsigned number, std::size_t to) {
    if (number == kLineNumber)
      LookAtLine(to);
    else if (parts_.rules[number].form == RuleForm::token)
      LookAtToken(number, to);
    else
      LookAtCoded(number, to);
    if (found_.size() < kDetectionsMax) return true;
    complete_ = false;
    return false;
  }

  void Add(std::size_t rule, std::size_t offset, std::size_t size, bool proven) {
    // Rules of one form: the earlier one in the files. A format tells more than a name.
    const std::size_t form = static_cast<std::size_t>(parts_.rules[rule].form);
    const Detection detection{offset, size, &parts_.rules[rule], proven};
    found_.push_back({form * parts_.rules.size() + rule, detection});
  }

  void LookAtToken(std::size_t index, std::size_t to) {
    const Rule& rule = parts_.rules[index];
    const RE2& pattern = parts_.Pattern(index);
    std::size_t from = std::max(to > kTokenMax ? to - kTokenMax : 0, Tried(index));
    const std::size_t end = std::min(text_.size(), to + kTokenMax);
    const re2::StringPiece all(text_.data(), text_.size());
    for (std::size_t attempt = 0; attempt < kAttemptsMax && from < to; ++attempt) {
      std::array<re2::StringPiece, 2> groups;
      if (!pattern.Match(all, from, end, RE2::UNANCHORED, groups.data(), 2)) return;
      const auto begin = static_cast<std::size_t>(groups[0].data() - text_.data());
      const std::size_t stop = begin + groups[0].size();
      if (begin >= to) return;
      const re2::StringPiece secret = groups[1].data() != nullptr ? groups[1] : groups[0];
      const std::string_view value(secret.data(), secret.size());
      const bool whole = groups[1].data() == nullptr;
      if (StandsAlone(text_, begin, stop)) {
        const Opinion opinion = Judge(rule, whole ? parts_.fixed[index] : 0, value);
        if (opinion.counts)
          Add(index, static_cast<std::size_t>(value.data() - text_.data()), value.size(),
              opinion.proven);
        Tried(index) = from = std::max(stop, begin + 1);
      } else {
        // A shorter one may begin inside.
        from = begin + 1;
      }
    }
    Tried(index) = std::max(Tried(index), std::min(from, to));
  }

  void LookAtCoded(std::size_t index, std::size_t to) {
    const auto kinds = CodedKinds();
    const auto kind = std::ranges::find(kinds, parts_.rules[index].code, &CodedKind::code);
    if (to < Tried(index)) return;
    kind->look(text_, to, [&](std::size_t offset, std::size_t size) {
      Add(index, offset, size, false);
      Tried(index) = std::max(Tried(index), offset + size);
    });
  }

  void LookAtLine(std::size_t to) {
    if (to <= line_end_) return;
    std::size_t begin = text_.rfind('\n', to - 1);
    begin = begin == std::string_view::npos ? 0 : begin + 1;
    if (to - begin > kLineBefore) begin = to - kLineBefore;
    begin = std::max(begin, line_end_);
    std::size_t end = std::min(text_.find('\n', to), std::min(text_.size(), to + kLineAfter));
    // "- name: TOKEN" stands a line before its value.
    if (end < text_.size() && text_[end] == '\n') {
      const std::size_t next = std::min(text_.find('\n', end + 1), text_.size());
      const std::string_view below = text_.substr(end, std::min(next - end, kLineAfter));
      if (below.find("value") < 40) end = std::min(end + below.size(), text_.size());
    }
    line_end_ = end;
    const std::size_t before = begin > kLineBefore ? begin - kLineBefore : 0;
    const std::string_view window = text_.substr(before, end - before);
    VisitAssignments(window, begin - before, [&](const Assignment& a) { LookAtAssignment(a); });
  }

  void LookAtAssignment(const Assignment& a) {
    const auto offset = static_cast<std::size_t>(a.value.data() - text_.data());
    for (std::size_t at = 0; at + 1 < a.name.size(); ++at) {
      if (a.name[at] != '_') continue;
      const auto words = parts_.words.find(a.name[at + 1]);
      if (words == parts_.words.end()) continue;
      for (const Word& word : words->second) {
        if (!HasWord(std::string_view(a.name).substr(at), word.word)) continue;
        if (IsNamed(a, a.value, word.rule))
          Add(word.rule, offset, a.value.size(), false);
        else if (a.longer.size() > a.value.size() && IsNamed(a, a.longer, word.rule))
          Add(word.rule, offset, a.longer.size(), false);
      }
    }
    // What begins like a known format and isn't one stands for it: "xoxp-1234-…".
    for (std::string_view prefix : parts_.prefixes) {
      if (a.value.starts_with(prefix)) return;
    }
    if (parts_.password != SIZE_MAX && IsAssignedPassword(a))
      Add(parts_.password, offset, a.value.size(), false);
    else if (parts_.assigned != SIZE_MAX && IsAssignedSecret(a))
      Add(parts_.assigned, offset, a.value.size(), false);
  }

  bool IsNamed(const Assignment& a, std::string_view value, std::size_t index) const {
    const Rule& rule = parts_.rules[index];
    if (a.is_called || value.size() > 512) return false;
    if (rule.asks_credential && !SpeaksOfCredential(a.name)) return false;
    const bool is_id = a.name.ends_with("_id_") || a.name.ends_with("_sid_");
    if (is_id && !rule.id.ends_with("-id")) return false;
    for (std::string_view other : {"_url_", "_version_", "_hash_", "_sha", "_md5", "_commit_"}) {
      if (a.name.find(other) != std::string::npos) return false;
    }
    if (!Judge(rule, 0, value).counts) return false;
    return RE2::FullMatch(re2::StringPiece(value.data(), value.size()), parts_.Pattern(index));
  }

  const Detector::Parts& parts_;
  const std::string_view text_;
  std::vector<std::pair<std::size_t, std::size_t>> tried_;  // rule, and what of the text it saw
  std::size_t line_end_ = 0;
  std::vector<Ranked> found_;
  bool complete_ = true;
};

namespace {

Database Opened(std::span<const std::string_view> kept) {
  for (const std::string_view bytes : kept) {
    hs_database_t* database = nullptr;
    if (hs_deserialize_database(bytes.data(), bytes.size(), &database) == HS_SUCCESS)
      return Database(database);
  }
  return nullptr;
}

Result<Database> OpenedOrCompiled(std::span<const Rule> rules, Look look,
                                  std::span<const std::string_view> kept) {
  if (Database database = Opened(kept)) return database;
  ILK_TRY(bytes, CompileFirstPass(rules, look, Processor::here));
  const std::array<std::string_view, 1> views = {bytes};
  Database database = Opened(views);
  if (!database) return Fail(Code::internal, "this processor can't run the compiled rules");
  return database;
}

}  // namespace

Detector::Detector(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Detector::~Detector() = default;

Result<std::unique_ptr<Detector>> Detector::Open(std::span<const Rule> rules,
                                                 std::span<const std::string_view> formats,
                                                 std::span<const std::string_view> everything) {
  auto parts = std::make_unique<Parts>();
  parts->rules = rules;
  ILK_TRY(narrow, OpenedOrCompiled(rules, Look::formats, formats));
  ILK_TRY(wide, OpenedOrCompiled(rules, Look::everything, everything));
  parts->formats = std::move(narrow);
  parts->everything = std::move(wide);
  parts->Prepare();
  return std::unique_ptr<Detector>(new Detector(std::move(parts)));
}

Result<std::unique_ptr<Detector>> Detector::Make(RuleBook book) {
  if (book.rules().empty()) return Fail(Code::invalid_input, "there are no rules");
  ILK_TRY(detector, Open(book.rules(), {}, {}));
  // The rules stay where they are when the book moves.
  detector->parts_->book = std::move(book);
  return detector;
}

std::span<const Rule> Detector::rules() const { return parts_->rules; }

Detections Detector::Find(std::string_view text, Look look) const {
  if (text.size() < 4) return {};
  if (text.size() > (1u << 30)) return {{}, false};
  const hs_database_t* database =
      look == Look::formats ? parts_->formats.get() : parts_->everything.get();
  const std::uint64_t serial = parts_->serial + (look == Look::formats ? 0 : 1);
  hs_scratch_t* scratch = t_scratch.For(database, serial);
  Search search(*parts_, text);
  const hs_error_t error = hs_scan(database, text.data(), static_cast<unsigned>(text.size()), 0,
                                   scratch, Search::OnHit, &search);
  Detections out = search.Take();
  if (error != HS_SUCCESS) out.complete = false;
  return out;
}

}  // namespace interlock::credential
