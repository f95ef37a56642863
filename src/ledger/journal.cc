#include "ledger/journal.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "ledger/recovery.h"
#include "ledger/tiles.h"

namespace interlock::ledger {
namespace {

// A record: header (magic, payload length, segment, record, count, tag), payload, 32 bytes root, 16
// bytes chain tag, zero padding to 8. Integers are big endian.
constexpr std::string_view kMagic("\xffILJ", 4);  // 0xff: never inside an entry, which is UTF-8
constexpr std::size_t kHeaderBytes = 32;
constexpr std::size_t kTaggedHeaderBytes = 24;
constexpr std::size_t kHeaderTagBytes = 8;
constexpr std::size_t kChainTagBytes = 16;
constexpr std::size_t kRootBytes = 32;
constexpr std::size_t kAlignment = 8;
// Size, segment bytes, number of hashes, at most 64 hashes.
constexpr std::size_t kStateBytesMax = 8 + 8 + 4 + 64 * 32;
constexpr std::uint64_t kSegmentBytesMax = 1u << 30;

template <typename T>
void PutInteger(std::string& out, T value) {
  for (std::size_t i = sizeof(T); i-- > 0;) out.push_back(static_cast<char>(value >> (8 * i)));
}

template <typename T>
T GetInteger(std::string_view bytes) {
  T value = 0;
  for (std::size_t i = 0; i < sizeof(T); ++i) {
    value = static_cast<T>(value << 8 | static_cast<std::uint8_t>(bytes[i]));
  }
  return value;
}

std::size_t Padded(std::size_t size) { return (size + kAlignment - 1) / kAlignment * kAlignment; }

std::size_t RecordBytes(std::size_t payload) {
  return Padded(kHeaderBytes + payload + kRootBytes + kChainTagBytes);
}

Hash SegmentKey(const Hash& key, std::uint64_t number) {
  std::string text;
  PutInteger(text, number);
  return crypto::Sha256Fixed({AsText(key), text});
}

// The chain value stays secret: only half of it is written, so nobody can go on from a tag.
Hash NextChain(const Hash& chain, std::string_view header, std::string_view bound) {
  return crypto::Sha256Fixed({AsText(chain), header, bound});
}

struct Header {
  std::uint32_t payload_bytes;
  std::uint64_t segment;
  std::uint32_t record;
  std::uint32_t count;  // entries; 0 in the record that begins a segment
};

std::string_view HeaderTag(const Hash& digest) { return AsText(digest).substr(0, kHeaderTagBytes); }

// The header at the front of `bytes`, when its tag is right.
std::optional<Header> ReadHeader(std::string_view bytes, const Hash& segment_key) {
  if (bytes.size() < kHeaderBytes || !bytes.starts_with(kMagic)) return std::nullopt;
  const Hash digest =
      crypto::Sha256Fixed({AsText(segment_key), bytes.substr(0, kTaggedHeaderBytes)});
  if (bytes.substr(kTaggedHeaderBytes, kHeaderTagBytes) != HeaderTag(digest)) return std::nullopt;
  return Header{.payload_bytes = GetInteger<std::uint32_t>(bytes.substr(4)),
                .segment = GetInteger<std::uint64_t>(bytes.substr(8)),
                .record = GetInteger<std::uint32_t>(bytes.substr(16)),
                .count = GetInteger<std::uint32_t>(bytes.substr(20))};
}

std::string EncodeState(const CompactRange& tree, std::uint64_t segment_bytes) {
  std::string out;
  PutInteger(out, tree.size());
  PutInteger(out, segment_bytes);
  PutInteger(out, static_cast<std::uint32_t>(tree.hashes().size()));
  for (const Hash& hash : tree.hashes()) out += AsText(hash);
  return out;
}

struct State {
  CompactRange tree;
  std::uint64_t segment_bytes;
};

std::optional<State> DecodeState(std::string_view bytes) {
  if (bytes.size() < 20) return std::nullopt;
  const auto size = GetInteger<std::uint64_t>(bytes);
  const auto segment_bytes = GetInteger<std::uint64_t>(bytes.substr(8));
  const auto count = GetInteger<std::uint32_t>(bytes.substr(16));
  bytes.remove_prefix(20);
  if (bytes.size() != std::size_t{count} * kRootBytes) return std::nullopt;
  std::vector<Hash> hashes;
  for (; !bytes.empty(); bytes.remove_prefix(kRootBytes)) {
    hashes.push_back(*HashFrom(bytes.substr(0, kRootBytes)));
  }
  auto tree = CompactRange::From(size, std::move(hashes));
  if (!tree || segment_bytes > kSegmentBytesMax ||
      Journal::EntriesBytesMax(segment_bytes) < 2 + kEntryBytesMax) {
    return std::nullopt;
  }
  return State{std::move(*tree), segment_bytes};
}

// What the tag of a batch covers besides its header: the root covers the entries, so they needn't
// be hashed a second time.
std::string HeadText(std::uint64_t size, const Hash& root) {
  std::string out;
  PutInteger(out, size);
  out += AsText(root);
  return out;
}

std::unexpected<Error> Damaged(const std::filesystem::path& path, const std::string& what) {
  return Fail(Code::verification, "ledger journal " + path.string() + ": " + what +
                                      "; nothing more is signed in this log. " +
                                      std::string(kWhatToDo));
}

// True when a record that was written later than `record` left its header behind `bytes`: then
// the damage before it is no torn last write.
bool HasLaterRecord(std::string_view bytes, const Hash& segment_key, std::uint32_t record) {
  for (; bytes.size() >= kHeaderBytes; bytes.remove_prefix(kAlignment)) {
    const auto header = ReadHeader(bytes, segment_key);
    if (header && header->record > record) return true;
  }
  return false;
}

}  // namespace

std::uint64_t Journal::EntriesBytesMax(std::uint64_t segment_bytes) {
  const std::uint64_t overhead = RecordBytes(kStateBytesMax) + RecordBytes(0) + kAlignment;
  return segment_bytes > overhead ? segment_bytes - overhead : 0;
}

Result<std::string> Journal::ReadSlot(std::size_t slot, std::uint64_t bytes) const {
  std::string out(bytes, '\0');
  std::size_t filled = 0;
  while (filled < out.size()) {
    const ssize_t got = ::pread(slots_[slot].fd.get(), out.data() + filled, out.size() - filled,
                                static_cast<off_t>(filled));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      return Fail(Code::unavailable,
                  "ledger: reading " + slots_[slot].path.string() + ": " + strerror(errno));
    }
    if (got == 0) break;
    filled += static_cast<std::size_t>(got);
  }
  out.resize(filled);
  return out;
}

// Opens the four files and fills them up with zeros: overwriting allocated blocks needs no journal
// commit of the file system, which is a quarter of the time of a durable append.
Result<void> Journal::OpenSlots() {
  bool grew = false;
  for (std::size_t i = 0; i < kSlots; ++i) {
    ILK_TRY(file, options_.io->Open(options_.dir / std::to_string(i)));
    slots_[i] = std::move(file);
    struct stat info{};
    if (::fstat(slots_[i].fd.get(), &info) != 0) {
      return Fail(Code::unavailable,
                  "ledger: looking at " + slots_[i].path.string() + ": " + strerror(errno));
    }
    auto size = static_cast<std::uint64_t>(info.st_size);
    if (size >= options_.segment_bytes) continue;
    const std::string zeros(1u << 20, '\0');
    while (size < options_.segment_bytes) {
      const std::uint64_t part =
          std::min<std::uint64_t>(zeros.size(), options_.segment_bytes - size);
      ILK_TRY_VOID(options_.io->Write(slots_[i], std::string_view(zeros).substr(0, part), size));
      size += part;
    }
    ILK_TRY_VOID(options_.io->Sync(slots_[i]));
    grew = true;
  }
  if (grew) ILK_TRY_VOID(options_.io->SyncDirectory(options_.dir));
  return {};
}

// A record with `payload`, chained to the one before; `bound` is what the tag covers besides the
// header. Advances the chain and the record number.
std::string Journal::Frame(std::uint32_t count, std::string_view payload, std::string_view bound) {
  std::string out(kMagic);
  out.reserve(RecordBytes(payload.size()));
  PutInteger(out, static_cast<std::uint32_t>(payload.size()));
  PutInteger(out, segment_);
  PutInteger(out, record_++);
  PutInteger(out, count);
  out += HeaderTag(crypto::Sha256Fixed({AsText(segment_key_), out}));
  chain_ = NextChain(chain_, out, bound);
  out += payload;
  out += AsText(root_);
  out += AsText(chain_).substr(0, kChainTagBytes);
  out.resize(Padded(out.size()), '\0');
  return out;
}

Result<void> Journal::StartSegment(std::uint64_t number) {
  if (segment_ != 0) end_sizes_[segment_ % kSlots] = tree_.size();
  segment_ = number;
  record_ = 0;
  segment_key_ = chain_ = SegmentKey(options_.key, number);
  const std::string state = EncodeState(tree_, options_.segment_bytes);
  const std::string record = Frame(0, state, state);
  const File& file = slots_[number % kSlots];
  ILK_TRY_VOID(options_.io->Write(file, record, 0));
  offset_ = record.size();
  // Durable by itself: two records in one write could be torn in the wrong order.
  return options_.io->SyncData(file);
}

Result<std::unique_ptr<Journal>> Journal::Create(Options options) {
  std::unique_ptr<Journal> journal(new Journal(std::move(options)));
  ILK_TRY_VOID(journal->OpenSlots());
  ILK_TRY_VOID(journal->StartSegment(1));
  return journal;
}

std::uint64_t Journal::MustBePublished(std::size_t entries_bytes) const {
  if (offset_ + RecordBytes(entries_bytes) <= options_.segment_bytes) return 0;
  return end_sizes_[(segment_ + 1) % kSlots];
}

Result<void> Journal::Append(std::string_view entries, const std::vector<Hash>& leaves) {
  ILK_CHECK(entries.size() <= EntriesBytesMax(options_.segment_bytes));
  if (offset_ + RecordBytes(entries.size()) > options_.segment_bytes) {
    ILK_TRY_VOID(StartSegment(segment_ + 1));
  }
  for (const Hash& leaf : leaves) tree_.Append(leaf);
  root_ = tree_.Root();
  const std::string record =
      Frame(static_cast<std::uint32_t>(leaves.size()), entries, HeadText(tree_.size(), root_));
  const File& file = slots_[segment_ % kSlots];
  ILK_TRY_VOID(options_.io->Write(file, record, offset_));
  offset_ += record.size();
  return {};
}

Result<void> Journal::Sync() { return options_.io->SyncData(slots_[segment_ % kSlots]); }

// Takes over the record at the front of `rest`; false when there is no whole one.
Result<bool> Journal::ReplayRecord(std::string_view rest, const Visitor& visit) {
  const auto header = ReadHeader(rest, segment_key_);
  if (!header || header->segment != segment_ || header->record != record_ || header->count == 0 ||
      RecordBytes(header->payload_bytes) > rest.size()) {
    return false;
  }
  const std::string_view payload = rest.substr(kHeaderBytes, header->payload_bytes);
  const std::string_view tail = rest.substr(kHeaderBytes + payload.size());
  const auto entries = SplitBundle(payload, header->count);
  if (!entries) return false;
  std::vector<Hash> leaves;
  CompactRange after = tree_;
  for (const std::string_view entry : *entries) {
    leaves.push_back(LeafHash(entry));
    after.Append(leaves.back());
  }
  const Hash root = after.Root();
  const Hash chain = NextChain(chain_, rest.substr(0, kHeaderBytes), HeadText(after.size(), root));
  if (tail.substr(0, kRootBytes) != AsText(root) ||
      tail.substr(kRootBytes, kChainTagBytes) != AsText(chain).substr(0, kChainTagBytes)) {
    return false;
  }
  ILK_TRY_VOID(visit(Record{tree_, *entries, leaves}));
  tree_ = std::move(after);
  root_ = root;
  chain_ = chain;
  offset_ += RecordBytes(payload.size());
  ++record_;
  return true;
}

Result<void> Journal::Replay(const Segment& segment, const Visitor& visit) {
  ILK_TRY(bytes, ReadSlot(segment.number % kSlots, options_.segment_bytes));
  segment_ = segment.number;
  segment_key_ = SegmentKey(options_.key, segment.number);
  chain_ = segment.chain;
  record_ = 1;
  offset_ = segment.first_record;
  for (;;) {
    const std::string_view rest = std::string_view(bytes).substr(offset_);
    ILK_TRY(taken, ReplayRecord(rest, visit));
    if (taken) continue;
    if (HasLaterRecord(rest, segment_key_, record_)) {
      return Damaged(slots_[segment.number % kSlots].path,
                     "record " + std::to_string(record_) +
                         " is damaged and later records exist, so this is no interrupted write");
    }
    return {};
  }
}

// The segments whose first record is whole, oldest first.
Result<std::vector<Journal::Segment>> Journal::FindSegments() const {
  std::vector<Segment> segments;
  for (std::size_t slot = 0; slot < kSlots; ++slot) {
    ILK_TRY(bytes, ReadSlot(slot, RecordBytes(kStateBytesMax)));
    if (bytes.size() < kHeaderBytes) continue;
    const std::string_view view = bytes;
    const auto number = GetInteger<std::uint64_t>(view.substr(8));
    const Hash key = SegmentKey(options_.key, number);
    const auto header = ReadHeader(view, key);
    if (!header || header->record != 0 || header->count != 0 || number == 0 ||
        number % kSlots != slot || RecordBytes(header->payload_bytes) > view.size()) {
      continue;
    }
    const std::string_view payload = view.substr(kHeaderBytes, header->payload_bytes);
    const Hash chain = NextChain(key, view.substr(0, kHeaderBytes), payload);
    const std::string_view tag =
        view.substr(kHeaderBytes + payload.size() + kRootBytes, kChainTagBytes);
    auto state = DecodeState(payload);
    if (!state || tag != AsText(chain).substr(0, kChainTagBytes)) continue;
    segments.push_back({.number = number,
                        .tree = std::move(state->tree),
                        .segment_bytes = state->segment_bytes,
                        .first_record = RecordBytes(payload.size()),
                        .chain = chain});
  }
  std::sort(segments.begin(), segments.end(),
            [](const Segment& a, const Segment& b) { return a.number < b.number; });
  return segments;
}

Result<std::unique_ptr<Journal>> Journal::Open(Options options, std::uint64_t published,
                                               const Visitor& visit) {
  std::unique_ptr<Journal> journal(new Journal(std::move(options)));
  Options& o = journal->options_;
  o.segment_bytes = 0;
  ILK_TRY_VOID(journal->OpenSlots());  // only opens: no file is shorter than nothing
  ILK_TRY(segments, journal->FindSegments());
  if (segments.empty()) {
    return Fail(Code::not_found, "ledger journal " + o.dir.string() + ": holds no segment");
  }
  const std::uint64_t newest = segments.back().number;
  o.segment_bytes = segments.back().segment_bytes;

  // Only an unbroken run up to the newest can be read, and from its last start that is published.
  std::size_t first = segments.size() - 1;
  while (first > 0 && segments[first - 1].number + 1 == segments[first].number &&
         segments[first].tree.size() > published) {
    --first;
  }
  if (segments[first].tree.size() > published) {
    return Damaged(o.dir, "it begins at entry " + std::to_string(segments[first].tree.size()) +
                              ", but only " + std::to_string(published) +
                              " are published: segments are missing or `checkpoint` is an old one");
  }
  journal->tree_ = segments[first].tree;
  journal->root_ = journal->tree_.Root();
  for (std::size_t i = first; i < segments.size(); ++i) {
    if (journal->tree_ != segments[i].tree) {
      return Damaged(journal->slots_[segments[i - 1].number % kSlots].path,
                     "its records end before the next segment begins");
    }
    ILK_TRY_VOID(journal->Replay(segments[i], visit));
    journal->end_sizes_[segments[i].number % kSlots] = journal->tree_.size();
  }
  // A newer segment whose first record was destroyed would have left its other records.
  const std::size_t next_slot = (newest + 1) % kSlots;
  ILK_TRY(next_bytes, journal->ReadSlot(next_slot, o.segment_bytes));
  if (HasLaterRecord(next_bytes, SegmentKey(o.key, newest + 1), 0)) {
    return Damaged(journal->slots_[next_slot].path, "the first record of a segment is damaged");
  }
  ILK_TRY_VOID(journal->OpenSlots());
  return journal;
}

}  // namespace interlock::ledger
