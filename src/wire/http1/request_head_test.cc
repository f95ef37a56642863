#include <gtest/gtest.h>

#include "wire/http1/message.h"

namespace interlock::http1 {
namespace {

using namespace std::string_view_literals;

RequestHead Accepted(std::string_view in) {
  const auto step = ParseRequestHead(in);
  const auto* head = std::get_if<RequestHead>(&step);
  if (const auto* refusal = std::get_if<Malformed>(&step)) {
    ADD_FAILURE() << refusal->name << ": " << in;
  } else if (!head) {
    ADD_FAILURE() << "incomplete: " << in;
  }
  return head ? *head : RequestHead{};
}

std::string RefusalOf(std::string_view in, const Limits& limits = {}) {
  const auto step = ParseRequestHead(in, limits);
  if (const auto* refusal = std::get_if<Malformed>(&step)) {
    return std::string(refusal->name) + " " + std::to_string(refusal->http_status);
  }
  return std::holds_alternative<NeedMore>(step) ? "needs more" : "accepted";
}

constexpr std::string_view kPost =
    "POST /graphql?x=1 HTTP/1.1\r\nHost: API.Example.com:8443\r\nContent-Type:  application/json "
    "\t\r\nContent-Length: 17\r\nAuthorization: Bearer phantom\r\n\r\n{\"query\":\"{ a }\"}";

TEST(ParseRequestHead, ReadsAnOrdinaryPost) {
  const RequestHead head = Accepted(kPost);
  EXPECT_EQ(head.method, "POST");
  EXPECT_EQ(head.target, "/graphql?x=1");
  EXPECT_EQ(head.form, TargetForm::origin);
  EXPECT_EQ(head.host, "api.example.com");
  EXPECT_EQ(head.port, 8443);
  EXPECT_EQ(head.Path(), "/graphql");
  EXPECT_EQ(head.Query(), "x=1");
  EXPECT_EQ(head.framing, (Framing{FramingKind::length, 17}));
  EXPECT_TRUE(head.keep_alive);
  EXPECT_FALSE(head.expect_continue);
  EXPECT_EQ(kPost.substr(head.consumed), R"({"query":"{ a }"})");
  ASSERT_NE(Find(head.fields, "content-type"), nullptr);
  EXPECT_EQ(*Find(head.fields, "content-type"), "application/json");
  EXPECT_EQ(Find(head.fields, "Content-Type"), nullptr);
}

TEST(ParseRequestHead, ReadsTheAbsoluteForm) {
  const RequestHead head =
      Accepted("GET http://Example.com/a/b?c HTTP/1.1\r\nHost: example.com:80\r\n\r\n");
  EXPECT_EQ(head.form, TargetForm::absolute);
  EXPECT_EQ(head.scheme, "http");
  EXPECT_EQ(head.host, "example.com");
  EXPECT_EQ(head.port, 0);
  EXPECT_EQ(head.PathAndQuery(), "/a/b?c");
  EXPECT_EQ(Accepted("GET http://a HTTP/1.1\r\nHost: a\r\n\r\n").PathAndQuery(), "/");
}

TEST(ParseRequestHead, ReadsConnect) {
  for (const std::string_view host : {"Host: a.example:443\r\n"sv, "Host: A.example\r\n"sv}) {
    const RequestHead head = Accepted("CONNECT a.example:443 HTTP/1.1\r\n" + std::string(host) +
                                      "Proxy-Connection: keep-alive\r\n\r\n");
    EXPECT_EQ(head.form, TargetForm::authority);
    EXPECT_EQ(head.host, "a.example");
    EXPECT_EQ(head.port, 443);
    EXPECT_EQ(head.PathAndQuery(), "");
  }
}

TEST(ParseRequestHead, Http10NeedsNoHostWhereTheTargetNamesIt) {
  const RequestHead head = Accepted("CONNECT a.example:443 HTTP/1.0\r\n\r\n");
  EXPECT_EQ(head.host, "a.example");
  EXPECT_FALSE(head.keep_alive);
  EXPECT_FALSE(Accepted("GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n").keep_alive);
  EXPECT_FALSE(
      Accepted("PUT / HTTP/1.0\r\nHost: a\r\nExpect: 100-continue\r\n\r\n").expect_continue);
  EXPECT_EQ(RefusalOf("GET / HTTP/1.0\r\n\r\n"), "no-host 400");
}

TEST(ParseRequestHead, ReadsFramingAndConnection) {
  EXPECT_EQ(Accepted("GET / HTTP/1.1\r\nHost: a\r\n\r\n").framing, Framing{});
  EXPECT_EQ(Accepted("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n").framing,
            (Framing{FramingKind::chunked, 0}));
  EXPECT_EQ(Accepted("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n").framing,
            (Framing{FramingKind::length, 0}));
  EXPECT_FALSE(Accepted("GET / HTTP/1.1\r\nHost: a\r\nConnection: te , Close\r\n\r\n").keep_alive);
  EXPECT_TRUE(
      Accepted("PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\n\r\n").expect_continue);
  EXPECT_TRUE(Accepted("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: "
                       "WebSocket\r\n\r\n")
                  .wants_websocket);
  EXPECT_EQ(Accepted("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n").form, TargetForm::asterisk);
  EXPECT_EQ(Accepted("GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n").host, "[::1]");
  EXPECT_EQ(Accepted("GET /@scope%2fname HTTP/1.1\r\nHost: a\r\n\r\n").Path(), "/@scope%2fname");
}

struct Claim {
  std::string_view why;
  std::string_view in;
  std::string_view refusal;
};

// The rest of a request whose first line is under test, and the first line of one whose fields are.
#define REST "\r\nHost: a\r\n\r\n"
#define GET "GET / HTTP/1.1\r\nHost: a\r\n"
#define POST "POST / HTTP/1.1\r\nHost: a\r\n"

constexpr Claim kRefused[] = {
    {"http_0_9", "GET /\r\n", "http-0-9 505"},
    {"http_2_by_version", "GET / HTTP/2.0" REST, "http-version 505"},
    {"http_1_2", "GET / HTTP/1.2" REST, "http-version 505"},
    {"lower_case_version", "GET / http/1.1" REST, "http-version 505"},
    {"http2_preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "http2-preface 505"},
    {"tls_instead_of_http", "\x16\x03\x01", "tls-not-http 400"},
    {"binary_instead_of_http", "\x05\x01\x00"sv, "not-http 400"},
    {"empty_line_first", "\r\nGET / HTTP/1.1" REST, "empty-request-line 400"},
    {"bare_lf_in_request_line", "GET / HTTP/1.1\nHost: a\r\n\r\n", "bare-lf 400"},
    {"bare_lf_in_fields", "GET / HTTP/1.1\r\nHost: a\n\r\n", "bare-lf 400"},
    {"bare_lf_as_last_line", "GET / HTTP/1.1\r\nHost: a\r\n\n", "bare-lf 400"},
    {"bare_cr_in_request_line", "GET /\r HTTP/1.1" REST, "bare-cr 400"},
    {"bare_cr_in_value", GET "X: a\rb\r\n\r\n", "bare-cr 400"},
    {"bare_cr_in_name", GET "X\rY: a\r\n\r\n", "bare-cr 400"},
    {"two_spaces", "GET  / HTTP/1.1" REST, "bad-request-line 400"},
    {"space_in_target", "GET /a b HTTP/1.1" REST, "bad-request-line 400"},
    {"tab_as_separator", "GET\t/ HTTP/1.1" REST, "bad-method 400"},
    {"one_word", "GET" REST, "bad-request-line 400"},
    {"lower_case_method", "delete / HTTP/1.1" REST, "method-case 400"},
    {"mixed_case_method", "dElEtE / HTTP/1.1" REST, "method-case 400"},
    {"webdav_method", "PROPFIND / HTTP/1.1" REST, "method-unknown 501"},
    {"trace", "TRACE / HTTP/1.1" REST, "method-unknown 501"},
    {"method_no_token", "GE(T / HTTP/1.1" REST, "bad-method 400"},
    {"fragment", "GET /a#b HTTP/1.1" REST, "fragment-in-target 400"},
    {"nul_in_target", "GET /a\0b HTTP/1.1" REST ""sv, "nul-in-target 400"},
    {"control_in_target", "GET /a\x01 HTTP/1.1" REST, "control-in-target 400"},
    {"raw_utf8_in_target", "GET /\xc3\xbc HTTP/1.1" REST, "non-ascii-in-target 400"},
    {"relative_target", "GET a HTTP/1.1" REST, "bad-target 400"},
    {"asterisk_without_options", "GET * HTTP/1.1" REST, "bad-target 400"},
    {"authority_without_connect", "GET a:443 HTTP/1.1" REST, "bad-target 400"},
    {"ftp_scheme", "GET ftp://a/ HTTP/1.1" REST, "bad-scheme 400"},
    {"query_right_after_host", "GET http://a?b HTTP/1.1" REST, "bad-target 400"},
    {"backslash_right_after_host", "GET http://a\\b/ HTTP/1.1" REST, "bad-target 400"},
    {"absolute_other_host", "GET http://b/ HTTP/1.1" REST, "host-mismatch 400"},
    {"absolute_other_port", "GET http://a:81/ HTTP/1.1" REST, "host-mismatch 400"},
    {"absolute_user_info", "GET http://a@b/ HTTP/1.1\r\nHost: b\r\n\r\n", "userinfo-in-host 400"},
    {"connect_other_host", "CONNECT b:443 HTTP/1.1" REST, "host-mismatch 400"},
    {"connect_other_port", "CONNECT a:443 HTTP/1.1\r\nHost: a:80\r\n\r\n", "host-mismatch 400"},
    {"connect_without_port", "CONNECT a HTTP/1.1" REST, "bad-port 400"},
    {"connect_with_path", "CONNECT /a HTTP/1.1" REST, "bad-host 400"},
    {"connect_with_body", "CONNECT a:1 HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n",
     "body-on-connect 400"},
    {"no_host", "GET / HTTP/1.1\r\nAccept: */*\r\n\r\n", "no-host 400"},
    {"empty_host", "GET / HTTP/1.1\r\nHost:\r\n\r\n", "empty-host 400"},
    {"two_hosts", GET "Host: b\r\n\r\n", "several-hosts 400"},
    {"two_equal_hosts", GET "host: a\r\n\r\n", "several-hosts 400"},
    {"port_zero", "GET / HTTP/1.1\r\nHost: a:0\r\n\r\n", "bad-port 400"},
    {"port_too_large", "GET / HTTP/1.1\r\nHost: a:65536\r\n\r\n", "bad-port 400"},
    {"port_with_leading_zero", "GET / HTTP/1.1\r\nHost: a:080\r\n\r\n", "bad-port 400"},
    {"port_empty", "GET / HTTP/1.1\r\nHost: a:\r\n\r\n", "bad-port 400"},
    {"two_ports", "GET / HTTP/1.1\r\nHost: a:1:2\r\n\r\n", "bad-port 400"},
    {"host_list", "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", "bad-host 400"},
    {"obs_fold", GET "X: a\r\n b\r\n\r\n", "obs-fold 400"},
    {"obs_fold_by_tab", GET "X: a\r\n\tb\r\n\r\n", "obs-fold 400"},
    {"fold_of_the_request_line", "GET / HTTP/1.1\r\n Host: a\r\n\r\n", "obs-fold 400"},
    {"space_before_colon", GET "Content-Length : 1\r\n\r\n", "space-before-colon 400"},
    {"tab_before_colon", GET "X\t: 1\r\n\r\n", "space-before-colon 400"},
    {"space_in_name", GET "X Y: 1\r\n\r\n", "bad-field-name 400"},
    {"empty_name", GET ": 1\r\n\r\n", "empty-field-name 400"},
    {"no_colon", GET "X\r\n\r\n", "field-without-colon 400"},
    {"utf8_in_name", GET "\xc3\xbc: 1\r\n\r\n", "bad-field-name 400"},
    {"nul_in_name", GET "X\0: 1\r\n\r\n"sv, "nul-in-field 400"},
    {"nul_in_value", GET "X: a\0b\r\n\r\n"sv, "nul-in-field 400"},
    {"escape_in_value", GET "X: \x1b[0m\r\n\r\n", "control-in-field 400"},
    {"delete_in_value", GET "X: \x7f\r\n\r\n", "control-in-field 400"},
    {"two_lengths", POST "Content-Length: 1\r\nContent-Length: 2\r\n\r\n",
     "duplicate-content-length 400"},
    {"two_equal_lengths", POST "Content-Length: 1\r\ncontent-length: 1\r\n\r\n",
     "duplicate-content-length 400"},
    {"length_list", POST "Content-Length: 1, 1\r\n\r\n", "bad-content-length 400"},
    {"length_signed", POST "Content-Length: +1\r\n\r\n", "bad-content-length 400"},
    {"length_negative", POST "Content-Length: -1\r\n\r\n", "bad-content-length 400"},
    {"length_hex", POST "Content-Length: 0x1\r\n\r\n", "bad-content-length 400"},
    {"length_leading_zero", POST "Content-Length: 01\r\n\r\n", "bad-content-length 400"},
    {"length_empty", POST "Content-Length:\r\n\r\n", "bad-content-length 400"},
    {"length_2_to_63", POST "Content-Length: 9223372036854775808\r\n\r\n",
     "bad-content-length 400"},
    {"length_overflow", POST "Content-Length: 18446744073709551617\r\n\r\n",
     "bad-content-length 400"},
    {"length_and_te", POST "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
     "transfer-encoding-and-content-length 400"},
    {"te_xchunked", POST "Transfer-Encoding: xchunked\r\n\r\n", "transfer-encoding-unknown 501"},
    {"te_list", POST "Transfer-Encoding: gzip, chunked\r\n\r\n", "transfer-encoding-unknown 501"},
    {"te_chunked_twice", POST "Transfer-Encoding: chunked, chunked\r\n\r\n",
     "transfer-encoding-unknown 501"},
    {"te_identity", POST "Transfer-Encoding: identity\r\n\r\n", "transfer-encoding-unknown 501"},
    {"te_empty", POST "Transfer-Encoding:\r\n\r\n", "transfer-encoding-unknown 501"},
    {"te_vertical_tab",
     POST "Transfer-Encoding: \x0b"
          "chunked\r\n\r\n",
     "control-in-field 400"},
    {"two_te", POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
     "duplicate-transfer-encoding 400"},
    {"te_in_1_0", "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
     "transfer-encoding-in-http-1-0 400"},
    {"override_1", POST "X-HTTP-Method-Override: DELETE\r\n\r\n", "method-override 400"},
    {"override_2", POST "X-HTTP-Method: DELETE\r\n\r\n", "method-override 400"},
    {"override_3", POST "X-Method-Override: DELETE\r\n\r\n", "method-override 400"},
    {"override_4", POST "X-Original-Method: DELETE\r\n\r\n", "method-override 400"},
    {"override_by_underscores", POST "X_HTTP_METHOD_OVERRIDE: DELETE\r\n\r\n",
     "underscore-alias 400"},
    {"length_by_underscores", POST "Content_Length: 1\r\n\r\n", "underscore-alias 400"},
    {"path_override", GET "X-Original-URL: /admin\r\n\r\n", "path-override 400"},
    {"path_override_2", GET "X-Rewrite-URL: /admin\r\n\r\n", "path-override 400"},
    {"host_override", GET "X-Forwarded-Host: b\r\n\r\n", "host-override 400"},
    {"upgrade_h2c", GET "Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n", "upgrade-h2c 400"},
    {"upgrade_h2c_in_list", GET "Upgrade: websocket, h2c\r\n\r\n", "upgrade-h2c 400"},
    {"upgrade_tls", GET "Upgrade: TLS/1.0\r\n\r\n", "upgrade-unknown 400"},
    {"two_upgrades", GET "Upgrade: websocket\r\nUpgrade: h2c\r\n\r\n", "upgrade-unknown 400"},
    {"http2_settings", GET "HTTP2-Settings: AAMAAABk\r\n\r\n", "upgrade-h2c 400"},
    {"connection_names_host", GET "Connection: close, Host\r\n\r\n", "connection-names-field 400"},
    {"connection_names_length", GET "Connection: content-length\r\n\r\n",
     "connection-names-field 400"},
    {"connection_names_authorization", GET "Connection: Authorization\r\n\r\n",
     "connection-names-field 400"},
    {"connection_names_anything", GET "Connection: x-project\r\n\r\n",
     "connection-names-field 400"},
    {"expectation", GET "Expect: 200-ok\r\n\r\n", "expect-unknown 417"},
    {"two_expectations", GET "Expect: 100-continue\r\nExpect: 100-continue\r\n\r\n",
     "expect-unknown 417"},
    {"gzip_body", POST "Content-Encoding: gzip\r\n\r\n", "content-encoding 415"},
};

TEST(ParseRequestHead, RefusesEachAmbiguityUnderItsName) {
  for (const Claim& claim : kRefused) EXPECT_EQ(RefusalOf(claim.in), claim.refusal) << claim.why;
}

TEST(ParseRequestHead, ContentCodingCanBeReported) {
  const Limits limits{.request_coding = ContentCoding::reported};
  EXPECT_EQ(RefusalOf(POST "Content-Encoding: gzip\r\n\r\n", limits), "accepted");
  EXPECT_EQ(RefusalOf(POST "Content-Encoding: identity\r\n\r\n"), "accepted");
}

TEST(ParseRequestHead, BoundsAreReachedExactly) {
  const Limits limits{.header_bytes_max = 64, .header_count_max = 2, .target_bytes_max = 8};
  EXPECT_EQ(RefusalOf("GET /1234567 HTTP/1.1" REST, limits), "accepted");
  EXPECT_EQ(RefusalOf("GET /12345678 HTTP/1.1" REST, limits), "target-too-long 414");
  EXPECT_EQ(RefusalOf("GET /" + std::string(100, 'a'), limits), "target-too-long 414");
  EXPECT_EQ(RefusalOf(GET "A: 1\r\n\r\n", limits), "accepted");
  EXPECT_EQ(RefusalOf(GET "A: 1\r\nB: 2\r\n\r\n", limits), "too-many-fields 431");

  const std::string start = GET "A: ";  // 28 bytes
  const std::string exact = start + std::string(64 - start.size() - 4, 'a') + "\r\n\r\n";
  EXPECT_EQ(RefusalOf(exact, limits), "accepted");
  EXPECT_EQ(RefusalOf(start + std::string(64 - start.size() - 3, 'a') + "\r\n\r\n", limits),
            "head-too-large 431");
  EXPECT_EQ(RefusalOf(start + std::string(64, 'a'), limits), "head-too-large 431");
}

TEST(ParseRequestHead, EveryStrictPrefixOfAHeadNeedsMore) {
  for (const std::string_view in :
       {kPost, "CONNECT a.example:443 HTTP/1.0\r\n\r\n"sv, GET "A: 1\r\n\r\n"sv}) {
    const RequestHead whole = Accepted(in);
    for (std::size_t cut = 0; cut < whole.consumed; ++cut) {
      EXPECT_EQ(RefusalOf(in.substr(0, cut)), "needs more") << in.substr(0, cut);
    }
    for (std::size_t cut = whole.consumed; cut <= in.size(); ++cut) {
      EXPECT_EQ(Accepted(in.substr(0, cut)), whole);
    }
  }
}

TEST(ParseRequestHead, ARefusedPrefixIsRefusedTheSameAsAWhole) {
  for (const Claim& claim : kRefused) {
    for (std::size_t cut = 0; cut < claim.in.size(); ++cut) {
      const std::string refusal = RefusalOf(claim.in.substr(0, cut));
      if (refusal == "needs more") continue;
      EXPECT_EQ(refusal, claim.refusal) << claim.why << " at " << cut;
    }
  }
}

TEST(Fields, DuplicatesAreSeen) {
  const RequestHead head =
      Accepted(GET "Authorization: a\r\nAccept: b\r\nauthorization: a\r\n\r\n");
  EXPECT_TRUE(HasDuplicate(head, "authorization"));
  EXPECT_FALSE(HasDuplicate(head, "accept"));
  EXPECT_FALSE(HasDuplicate(head, "cookie"));
}

TEST(Fields, HopByHopFieldsAndThoseNamedAreStripped) {
  std::vector<Field> fields = {{"connection", "close, X-Trace"},
                               {"x-trace", "1"},
                               {"te", "trailers"},
                               {"upgrade", "websocket"},
                               {"proxy-authorization", "x"},
                               {"accept", "*/*"}};
  StripHopByHop(fields);
  EXPECT_EQ(fields, (std::vector<Field>{{"accept", "*/*"}}));
}

}  // namespace
}  // namespace interlock::http1
