#include "wire/websocket/handshake.h"

#include <gtest/gtest.h>

namespace interlock::websocket {
namespace {

constexpr std::string_view kKey = "dGhlIHNhbXBsZSBub25jZQ==";

std::string Ask(std::string_view fields, std::string_view start = "GET /chat HTTP/1.1") {
  return std::string(start) + "\r\nHost: server.example.com\r\nUpgrade: websocket\r\n" +
         std::string(fields) + "\r\n";
}

std::string Usual() {
  return "Connection: keep-alive, Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " +
         std::string(kKey) + "\r\n";
}

std::variant<Offer, wire::Malformed> Offered(const std::string& request) {
  const auto head = http1::ParseRequestHead(request);
  return ReadOffer(std::get<http1::RequestHead>(head));
}

std::string RefusalOf(const std::string& request) {
  const auto offer = Offered(request);
  const auto* refused = std::get_if<wire::Malformed>(&offer);
  return refused ? std::string(refused->name) : "accepted";
}

TEST(Handshake, TheAcceptIsTheOneOfTheRfc) {
  EXPECT_EQ(KeyOf("the sample nonce"), kKey);
  EXPECT_EQ(AcceptOf(kKey), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

TEST(Handshake, AnOfferIsReadAndItsExtensionsAreDropped) {
  const auto offer = Offered(Ask(Usual() + "Sec-WebSocket-Protocol: chat, superchat\r\n"
                                           "Sec-WebSocket-Extensions: permessage-deflate\r\n"));
  const Offer wanted{std::string(kKey), {"chat", "superchat"}};
  EXPECT_EQ(std::get<Offer>(offer), wanted);
  for (const http1::Field& field : OfferFields(wanted))
    EXPECT_NE(field.name, "sec-websocket-extensions");
}

TEST(Handshake, WhatARequestLacksIsRefused) {
  const std::string connection = "Connection: Upgrade\r\n";
  const std::string version = "Sec-WebSocket-Version: 13\r\n";
  const std::string key = "Sec-WebSocket-Key: " + std::string(kKey) + "\r\n";
  const struct {
    std::string request;
    std::string_view refusal;
  } kCases[] = {
      {Ask(connection + version + key), "accepted"},
      {Ask(version + key), "websocket-handshake"},
      {Ask("Connection: keep-alive\r\n" + version + key), "websocket-handshake"},
      {Ask(connection + key), "websocket-handshake"},
      {Ask(connection + version + version + key), "websocket-handshake"},
      {Ask(connection + "Sec-WebSocket-Version: 8\r\n" + key), "websocket-version"},
      {Ask(connection + version), "websocket-handshake"},
      {Ask(connection + version + key + key), "websocket-handshake"},
      {Ask(connection + version + "Sec-WebSocket-Key: c2hvcnQ=\r\n"), "websocket-handshake"},
      {Ask(connection + version + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ\r\n"),
       "websocket-handshake"},
      {Ask(connection + version + key, "POST /chat HTTP/1.1"), "websocket-handshake"},
      {Ask(connection + version + key, "GET /chat HTTP/1.0"), "websocket-handshake"},
      {Ask(connection + version + key + "Content-Length: 3\r\n"), "websocket-handshake"},
      {Ask(connection + version + key + "Sec-WebSocket-Protocol: a, a\r\n"), "websocket-handshake"},
      {Ask(connection + version + key + "Sec-WebSocket-Protocol: a b\r\n"), "websocket-handshake"},
  };
  for (const auto& c : kCases) EXPECT_EQ(RefusalOf(c.request), c.refusal) << c.request;
}

TEST(Handshake, AnAnswerMustAnswerThisOffer) {
  const Offer offer{std::string(kKey), {"chat"}};
  const std::string up = "Upgrade: websocket\r\nConnection: Upgrade\r\n";
  const std::string accept = "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n";
  const struct {
    std::string answer;
    std::string_view outcome;
  } kCases[] = {
      {"101 Go\r\n" + up + accept, ""},
      {"101 Go\r\n" + up + accept + "Sec-WebSocket-Protocol: chat\r\n", "chat"},
      {"200 OK\r\n" + up + accept, "websocket-not-switched"},
      {"101 Go\r\nUpgrade: websocket\r\n" + accept, "websocket-not-switched"},
      {"101 Go\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n" + accept, "websocket-not-switched"},
      {"101 Go\r\n" + up, "websocket-accept"},
      {"101 Go\r\n" + up + accept + accept, "websocket-accept"},
      {"101 Go\r\n" + up + "Sec-WebSocket-Accept: HSmrc0sMlYUkAGmm5OPpG2HaGWk=\r\n",
       "websocket-accept"},
      {"101 Go\r\n" + up + accept + "Sec-WebSocket-Extensions: permessage-deflate\r\n",
       "websocket-extension"},
      {"101 Go\r\n" + up + accept + "Sec-WebSocket-Protocol: other\r\n", "websocket-protocol"},
      {"101 Go\r\n" + up + accept + "Sec-WebSocket-Protocol: chat, other\r\n",
       "websocket-protocol"},
      {"101 Go\r\n" + up + accept +
           "Sec-WebSocket-Protocol: chat\r\nSec-WebSocket-Protocol: chat\r\n",
       "websocket-protocol"},
  };
  http1::Limits limits;
  limits.switching_protocols = true;
  for (const auto& c : kCases) {
    const auto head = http1::ParseResponseHead("HTTP/1.1 " + c.answer + "\r\n", "GET", limits);
    const auto checked = CheckAnswer(offer, std::get<http1::ResponseHead>(head));
    const auto* refused = std::get_if<wire::Malformed>(&checked);
    EXPECT_EQ(refused ? refused->name : std::get<std::string>(checked), c.outcome) << c.answer;
  }
}

TEST(Handshake, OurOwnAnswerIsOneThatWeWouldTake) {
  const Offer offer{std::string(kKey), {"chat"}};
  http1::ResponseHead head;
  head.status = 101;
  head.fields = AcceptFields(offer, "chat");
  EXPECT_EQ(std::get<std::string>(CheckAnswer(offer, head)), "chat");
}

}  // namespace
}  // namespace interlock::websocket
