#include "ledger/note.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "base/bytes.h"
#include "ledger/checkpoint.h"
#include "ledger/receipt.h"
#include "ledger/test_log.h"

namespace interlock::ledger {
namespace {

// The example of c2sp.org/signed-note. Its key isn't published, so it can only be parsed.
const std::string kExample =
    "Ognuno sta solo sul cuor della terra\n"
    "trafitto da un raggio di sole:\n"
    "\n"
    "ed è subito sera.\n"
    "\n"
    "— quasimodo.example/salvatore "
    "NnugSzTjtVAewIS+Z/iJhUPeFDkO/"
    "5QQ2i5ddnGITLlC+EhfLW9oJKONrMouFSQU0xMcXxj99ihAQwaqP3ZekRwNtIc=\n";

NoteSigner Signer(std::string name = std::string(kOrigin), char fill = 'k') {
  return NoteSigner::Make(std::move(name), TestKey(fill)).value();
}

TEST(ParseNote, TextIsSeparatedByTheLastBlankLine) {
  const auto note = ParseNote(kExample);
  ASSERT_TRUE(note.has_value());
  EXPECT_TRUE(note->text.ends_with("sera.\n"));
  ASSERT_EQ(note->signatures.size(), 1u);
  EXPECT_EQ(note->signatures[0].name, "quasimodo.example/salvatore");
  EXPECT_EQ(note->signatures[0].signature.size(), 64u);
  EXPECT_EQ(FormatNote(*note), kExample);
}

struct BadNote {
  const char* name;
  std::string bytes;
};

TEST(ParseNote, WhatTheSpecificationForbidsIsRefused) {
  const std::string good = Signer().Sign("text\n");
  const std::string line = good.substr(good.find("—"));
  std::string too_large = good;
  too_large.insert(0, kNoteBytesMax, 'a');
  const BadNote cases[] = {
      {"empty", ""},
      {"no blank line", "text\n" + line},
      {"no signature", "text\n\n"},
      {"no final newline", good.substr(0, good.size() - 1)},
      {"carriage return", "text\r\n\n" + line},
      {"tab", "a\tb\n\n" + line},
      {"not UTF-8", "\xff\n\n" + line},
      {"hyphen for the dash", "text\n\n- " + line.substr(4)},
      {"no key name", "text\n\n—  AAAAAAAA\n"},
      {"plus in the name", "text\n\n— a+b AAAAAAAA\n"},
      {"wide space in the name",
       "text\n\n— a\xe2\x80\x83"
       "b AAAAAAAA\n"},
      {"not base64", "text\n\n— name AAAAA*AA\n"},
      {"key id alone", "text\n\n— name AAAAAA==\n"},
      {"three words", "text\n\n— name AAAAAAAA AAAA\n"},
      {"too large", too_large},
  };
  for (const auto& c : cases) EXPECT_FALSE(ParseNote(c.bytes).has_value()) << c.name;
}

TEST(ParseNote, SixteenSignaturesAreAcceptedSixtyFiveAreNot) {
  const std::string good = Signer().Sign("text\n");
  const std::string line = good.substr(good.find("—"));
  std::string note = "text\n\n";
  for (int i = 0; i < 16; ++i) note += line;
  EXPECT_TRUE(VerifyNote(note, std::vector{TestVerifier()}).has_value());
  for (int i = 16; i < 65; ++i) note += line;
  EXPECT_EQ(ParseNote(note).error().code, Code::limit);
}

TEST(VerifyNote, AnyKnownKeySufficesButNoneMayFail) {
  const NoteSigner a = Signer("a.example", 'a');
  const NoteSigner b = Signer("b.example", 'b');
  const std::string note = a.Sign("text\n");
  EXPECT_TRUE(VerifyNote(note, std::vector{a.verifier_key()}).has_value());
  EXPECT_TRUE(VerifyNote(note, std::vector{b.verifier_key(), a.verifier_key()}).has_value());
  EXPECT_FALSE(VerifyNote(note, std::vector{b.verifier_key()}).has_value());
  EXPECT_FALSE(VerifyNote(note, {}).has_value());

  // b's line taken from another text: known, wrong, so the whole note is refused.
  const std::string other = b.Sign("other\n");
  const std::string both = note + other.substr(other.find("—"));
  EXPECT_TRUE(VerifyNote(both, std::vector{a.verifier_key()}).has_value());
  EXPECT_FALSE(VerifyNote(both, std::vector{a.verifier_key(), b.verifier_key()}).has_value());
}

TEST(VerifyNote, AWitnessCosignatureCoversItsTime) {
  const auto key = TestKey('w');
  VerifierKey witness{.name = "witness.example",
                      .id = KeyId("witness.example", KeyType::cosignature, key.public_key()),
                      .type = KeyType::cosignature,
                      .public_key = key.public_key()};
  const std::string text = FormatCheckpoint({std::string(kOrigin), 3, EmptyRoot()});
  const std::string time("\0\0\0\0\x68\0\0\0", 8);
  std::string signature = time + key.Sign("cosignature/v1\ntime 1744830464\n" + text);
  const Note note{text, {{witness.name, witness.id, signature}}};
  EXPECT_TRUE(VerifyNote(FormatNote(note), {&witness, 1}).has_value());
  EXPECT_EQ(VerifierKey::Parse(witness.Text()), witness);
  signature[7] = '\x01';
  const Note later{text, {{witness.name, witness.id, signature}}};
  EXPECT_FALSE(VerifyNote(FormatNote(later), {&witness, 1}).has_value());
}

TEST(VerifierKey, TextFormsRoundTripAndMismatchesAreRefused) {
  const VerifierKey key = TestVerifier();
  EXPECT_EQ(VerifierKey::Parse(key.Text()), key);
  EXPECT_EQ(VerifierKey::Parse(key.Text() + "\n"), key);
  std::string wrong_id = key.Text();
  const std::size_t at = wrong_id.find('+') + 1;
  wrong_id[at] = wrong_id[at] == '0' ? '1' : '0';
  EXPECT_FALSE(VerifierKey::Parse(wrong_id).has_value());
  for (const char* bad : {"", "name", "name+00000000", "name+0000+AAAA", "a b+00000000+AQ=="}) {
    EXPECT_FALSE(VerifierKey::Parse(bad).has_value()) << bad;
  }
}

TEST(SignerKey, TextFormRoundTrips) {
  const Secret seed(std::string(32, 'k'));
  const auto text = FormatSignerKey(kOrigin, seed);
  ASSERT_TRUE(text.has_value());
  EXPECT_TRUE(text->Reveal().starts_with("PRIVATE+KEY+interlock.local/0a1b2c3d+"));
  const auto signer = ParseSignerKey(*text);
  ASSERT_TRUE(signer.has_value());
  EXPECT_EQ(signer->verifier_key(), TestVerifier());
  EXPECT_FALSE(ParseSignerKey(Secret(TestVerifier().Text())).has_value());
}

TEST(ParseCheckpoint, RoundTripsAndRefusesWhatIsOutOfForm) {
  const Checkpoint checkpoint{"log.example", 12, LeafHash("x")};
  const std::string text = FormatCheckpoint(checkpoint);
  EXPECT_EQ(ParseCheckpoint(text), checkpoint);
  EXPECT_EQ(ParseCheckpoint(text + "extension\n"), checkpoint);
  const std::string root = Base64(AsText(checkpoint.root));
  const std::string bad[] = {
      "",
      "log.example\n12\n",
      "\n12\n" + root + "\n",
      "log.example\n012\n" + root + "\n",
      "log.example\n-1\n" + root + "\n",
      "log.example\n12x\n" + root + "\n",
      "log.example\n9223372036854775808\n" + root + "\n",
      "log.example\n12\n" + root.substr(4) + "\n",
      "log.example\n12\n" + root,
      text + "\n",
      text + "unfinished",
  };
  for (const auto& c : bad) EXPECT_FALSE(ParseCheckpoint(c).has_value()) << c;
}

TEST(OpenCheckpoint, TheOriginMustBeTheKeysName) {
  const NoteSigner signer = Signer();
  const std::string own = signer.Sign(FormatCheckpoint({std::string(kOrigin), 0, EmptyRoot()}));
  const std::string foreign = signer.Sign(FormatCheckpoint({"other.example", 0, EmptyRoot()}));
  EXPECT_TRUE(OpenCheckpoint(own, signer.verifier_key()).has_value());
  EXPECT_FALSE(OpenCheckpoint(foreign, signer.verifier_key()).has_value());
}

TEST(Receipt, RoundTripsWithAndWithoutExtraData) {
  const std::string note = Signer().Sign(FormatCheckpoint({std::string(kOrigin), 2, EmptyRoot()}));
  const Receipt receipt{"context", 1, {LeafHash("a"), LeafHash("b")}, note};
  EXPECT_EQ(ParseReceipt(FormatReceipt(receipt)), receipt);
  const Receipt bare{"", 0, {}, note};
  EXPECT_EQ(FormatReceipt(bare), "c2sp.org/tlog-proof@v1\nindex 0\n\n" + note);
  EXPECT_EQ(ParseReceipt(FormatReceipt(bare)), bare);
}

TEST(Receipt, WhatIsOutOfFormIsRefused) {
  const std::string note = Signer().Sign(FormatCheckpoint({std::string(kOrigin), 2, EmptyRoot()}));
  const std::string bad[] = {
      "",
      "c2sp.org/tlog-proof@v2\nindex 0\n\n" + note,
      "c2sp.org/tlog-proof@v1\n\n" + note,
      "c2sp.org/tlog-proof@v1\nindex 00\n\n" + note,
      "c2sp.org/tlog-proof@v1\nindex -1\n\n" + note,
      "c2sp.org/tlog-proof@v1\nextra *\nindex 0\n\n" + note,
      "c2sp.org/tlog-proof@v1\nindex 0\nAAAA\n\n" + note,
      "c2sp.org/tlog-proof@v1\nindex 0\n" + note,
      "c2sp.org/tlog-proof@v1\nindex 0\n\n",
      "c2sp.org/tlog-proof@v1\r\nindex 0\n\n" + note,
  };
  for (const auto& c : bad) EXPECT_FALSE(ParseReceipt(c).has_value()) << c;
}

}  // namespace
}  // namespace interlock::ledger
