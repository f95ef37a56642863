// The HTTP/1.1 hot path: reading heads, writing them, and passing bodies through.
#include <benchmark/benchmark.h>

#include <string>
#include <string_view>

#include "wire/http1/body.h"
#include "wire/http1/message.h"
#include "wire/http1/serialize.h"
#include "wire/http1/target.h"

namespace interlock::http1 {
namespace {

constexpr std::string_view kSmallRequest =
    "GET /v1/projects HTTP/1.1\r\nHost: api.example.com\r\nUser-Agent: curl/7.88.1\r\nAccept: "
    "*/*\r\n\r\n";

constexpr std::string_view kGraphqlRequest =
    "POST /graphql/v2 HTTP/1.1\r\nHost: backboard.example.com\r\nUser-Agent: node-fetch\r\n"
    "Accept: application/json\r\nAccept-Encoding: gzip, deflate, br\r\nAccept-Language: en\r\n"
    "Content-Type: application/json\r\nContent-Length: 212\r\n"
    "Authorization: Bearer 01234567-89ab-cdef-0123-456789abcdef\r\n"
    "X-Request-Id: 4f1c5f0e-6f5f-4b1a-9a52-0a3d8b2d9a11\r\nConnection: keep-alive\r\n\r\n";

constexpr std::string_view kResponse =
    "HTTP/1.1 200 OK\r\nDate: Fri, 24 Apr 2026 09:00:00 GMT\r\nContent-Type: application/json\r\n"
    "Content-Length: 1024\r\nETag: \"5f0e6f5f\"\r\nVary: Accept-Encoding\r\n"
    "Strict-Transport-Security: max-age=31536000\r\nX-Request-Id: 4f1c5f0e\r\n\r\n";

void ParseRequest(benchmark::State& state, std::string_view in) {
  for (auto _ : state) benchmark::DoNotOptimize(ParseRequestHead(in));
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(in.size()));
}
BENCHMARK_CAPTURE(ParseRequest, small, kSmallRequest);
BENCHMARK_CAPTURE(ParseRequest, graphql, kGraphqlRequest);

void ParseResponse(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(ParseResponseHead(kResponse, "GET"));
}
BENCHMARK(ParseResponse);

void WriteRequest(benchmark::State& state) {
  const auto step = ParseRequestHead(kGraphqlRequest);
  const auto& head = std::get<RequestHead>(step);
  std::string out;
  for (auto _ : state) {
    out.clear();
    benchmark::DoNotOptimize(
        AppendRequestHead(out, head.method, head.target, head.host, head.fields, head.framing));
  }
}
BENCHMARK(WriteRequest);

void CheckGuardedTarget(benchmark::State& state) {
  for (auto _ : state) {
    benchmark::DoNotOptimize(CheckTarget("/v1/projects/4f1c5f0e/volumes/9a52?limit=50&cursor=abc"));
  }
}
BENCHMARK(CheckGuardedTarget);

void DecodeChunked(benchmark::State& state) {
  std::string in;
  for (int i = 0; i < 16; ++i) AppendChunk(in, std::string(4096, 'x'));
  in += kLastChunk;
  std::string out;
  for (auto _ : state) {
    out.clear();
    ChunkedDecoder decoder(Trailers::refused);
    benchmark::DoNotOptimize(decoder.Decode(in, out));
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(in.size()));
}
BENCHMARK(DecodeChunked);

}  // namespace
}  // namespace interlock::http1
