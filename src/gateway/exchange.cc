#include "gateway/exchange.h"

#include "wire/http1/serialize.h"

namespace interlock::gateway {
namespace {

// One TLS record's worth: a larger read would not be filled by one SSL_read anyway.
constexpr std::size_t kReadBytes = 16384;
constexpr int kInterimMax = 16;

}  // namespace

void Inbox::Consume(std::size_t count) {
  begin_ += count;
  if (begin_ == data_.size()) {
    data_.clear();
    begin_ = 0;
  }
}

Task<Result<std::size_t>> Inbox::Fill() {
  if (begin_ > 0) {
    data_.erase(0, begin_);
    begin_ = 0;
  }
  const std::size_t had = data_.size();
  data_.resize(had + kReadBytes);
  auto got = co_await stream_->Read(data_.data() + had, kReadBytes);
  data_.resize(had + (got ? *got : 0));
  co_return got;
}

Task<HeadRead<http1::RequestHead>> ReadRequestHead(Inbox& inbox, const http1::Limits& limits) {
  for (;;) {
    if (!inbox.empty()) {
      auto step = http1::ParseRequestHead(inbox.View(), limits);
      if (auto* head = std::get_if<http1::RequestHead>(&step)) {
        inbox.Consume(head->consumed);
        co_return std::move(*head);
      }
      if (auto* malformed = std::get_if<http1::Malformed>(&step)) co_return *malformed;
    }
    auto got = co_await inbox.Fill();
    if (!got) co_return got.error();
    if (*got == 0) {
      if (inbox.empty()) co_return ClosedByPeer{};
      co_return Error{Code::unavailable, "the connection ended within a request head"};
    }
  }
}

Task<HeadRead<http1::ResponseHead>> ReadResponseHead(Inbox& inbox, const std::string& method,
                                                     const http1::Limits& limits) {
  int interim = 0;
  for (;;) {
    if (!inbox.empty()) {
      auto step = http1::ParseResponseHead(inbox.View(), method, limits);
      if (auto* head = std::get_if<http1::ResponseHead>(&step)) {
        inbox.Consume(head->consumed);
        if (!head->interim) co_return std::move(*head);
        if (++interim > kInterimMax)
          co_return Error{Code::limit, "the provider sent interim answers without end"};
        continue;
      }
      if (auto* malformed = std::get_if<http1::Malformed>(&step)) co_return *malformed;
    }
    auto got = co_await inbox.Fill();
    if (!got) co_return got.error();
    if (*got == 0) {
      if (inbox.empty()) co_return ClosedByPeer{};
      co_return Error{Code::unavailable, "the provider's connection ended within a response head"};
    }
  }
}

std::optional<BodySource::Piece> BodySource::Buffered() {
  inbox_.Consume(std::exchange(used_, 0));
  while (!reader_.done()) {
    if (inbox_.empty()) return std::nullopt;
    auto step = reader_.Next(inbox_.View());
    if (auto* malformed = std::get_if<http1::Malformed>(&step)) return *malformed;
    const http1::Piece& piece = std::get<http1::Piece>(step);
    if (!piece.data.empty()) {
      used_ = piece.consumed;
      return piece.data;
    }
    inbox_.Consume(piece.consumed);
    if (piece.consumed == 0 && !piece.done) return std::nullopt;
  }
  return End{};
}

Task<BodySource::Piece> BodySource::Next() {
  for (;;) {
    if (auto piece = Buffered()) co_return std::move(*piece);
    auto got = co_await inbox_.Fill();
    if (!got) co_return got.error();
    if (*got == 0) {
      if (reader_.MayEndHere()) co_return End{};
      co_return Error{Code::unavailable, "the connection ended within a body"};
    }
  }
}

Task<WholeBody> ReadWholeBody(BodySource& body, std::size_t limit) {
  std::string nothing;
  co_return co_await ReadOn(body, std::move(nothing), limit);
}

Task<WholeBody> ReadOn(BodySource& body, std::string whole, std::size_t limit) {
  for (;;) {
    auto piece = co_await body.Next();
    if (auto* data = std::get_if<std::string_view>(&piece)) {
      whole.append(*data);
      if (whole.size() > limit) {
        TooLarge too_large{std::move(whole)};
        co_return too_large;
      }
    } else if (std::holds_alternative<BodySource::End>(piece)) {
      co_return whole;
    } else if (auto* malformed = std::get_if<http1::Malformed>(&piece)) {
      co_return *malformed;
    } else {
      co_return std::get<Error>(piece);
    }
  }
}

Task<Result<void>> WriteAnswer(Stream& stream, const Answer& answer, std::string_view method,
                               bool keep_alive) {
  std::vector<http1::Field> fields = answer.fields;
  if (!keep_alive || answer.close) fields.push_back({"connection", "close"});
  std::string out;
  auto head = http1::AppendResponseHead(out, answer.status, "", fields,
                                        {http1::FramingKind::length, answer.body.size()});
  if (!head) co_return head;
  if (method != "HEAD") out += answer.body;
  co_return co_await stream.Write(out);
}

}  // namespace interlock::gateway
