#include "credential/scrub.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

#include "base/bytes.h"

namespace interlock::credential {
namespace {

using Values = std::map<std::string, std::string, std::less<>>;  // entry to value

std::shared_ptr<const ScrubSet> SetOf(const Values& values) {
  std::vector<LiveSecret> secrets;
  for (const auto& [name, value] : values)
    secrets.push_back({name, 1, std::make_shared<const Secret>(std::string(value))});
  return std::make_shared<const ScrubSet>(secrets);
}

PhantomFor Phantoms(const Values& values) {
  return [values](std::string_view entry) {
    const auto it = values.find(entry);
    return it == values.end() ? std::string() : it->second;
  };
}

std::string InPieces(const Values& values, const Values& phantoms,
                     const std::vector<std::string_view>& pieces) {
  Scrubber scrubber(SetOf(values), Phantoms(phantoms));
  std::string out;
  for (std::string_view piece : pieces) out += scrubber.Feed(piece);
  return out + scrubber.Finish();
}

const Values kTwo = {{"a", "secret-value"}, {"b", "secret-value-long"}, {"c", "aabaab"}};
const Values kTwoPhantoms = {{"a", "phantom-valu"}, {"b", "PHANTOM-VALUE-LON"}, {"c", "xyzxyz"}};

TEST(Scrubber, ReplacesEverySecretAndKeepsTheLength) {
  const auto scrub = [](std::string_view text) { return InPieces(kTwo, kTwoPhantoms, {text}); };
  EXPECT_EQ(scrub("a secret-value b"), "a phantom-valu b");
  EXPECT_EQ(scrub("secret-valuesecret-value"), "phantom-valuphantom-valu");
  EXPECT_EQ(scrub("secret-value-lon"), "phantom-valu-lon");
  EXPECT_EQ(scrub("secret-value-long"), "PHANTOM-VALUE-LON");
  EXPECT_EQ(scrub("aaabaab"), "axyzxyz");
  EXPECT_EQ(scrub(""), "");
  EXPECT_EQ(InPieces({}, {}, {"anything"}), "anything");
}

TEST(Scrubber, PhantomsOfAnotherLengthAreFittedAndMissingOnesAreAsterisks) {
  EXPECT_EQ(InPieces({{"a", "12345678"}}, {{"a", "ab"}}, {"x12345678y"}), "xababababy");
  EXPECT_EQ(InPieces({{"a", "12345678"}}, {{"a", "abcdefghijkl"}}, {"12345678"}), "abcdefgh");
  EXPECT_EQ(InPieces({{"a", "12345678"}}, {}, {"12345678"}), "********");
}

// One value in every encoding an answer may have it in; what comes out decodes to the phantom.
struct Encoded {
  const char* name;
  std::string text;
  std::string scrubbed;
};

TEST(Scrubber, FindsASecretInItsUsualEncodings) {
  const std::string real = "s3cr/t+\"v4lu3&<x>";
  const std::string fake = "ph4n/m+\"t0k3n&<y>";
  const std::string user = "user:";
  const auto url = [](std::string text) {
    std::ranges::replace(text, '+', '-');
    std::ranges::replace(text, '/', '_');
    return text;
  };
  const Encoded cases[] = {
      {"plain", real, fake},
      {"json", R"({"a":"s3cr/t+\"v4lu3&<x>"})", R"({"a":"ph4n/m+\"t0k3n&<y>"})"},
      {"json_slash", R"("s3cr\/t+\"v4lu3\u0026\u003cx\u003e")",
       R"("ph4n\/m+\"t0k3n\u0026\u003cy\u003e")"},
      {"json_all", R"(\u0073\u0033cr/t+\u0022v4lu3&<x>)", R"(\u0070\u0068\u0034n/m+)"},
      {"json_in_json", R"("{\"a\":\"s3cr/t+\\\"v4lu3&<x>\"}")",
       R"("{\"a\":\"ph4n/m+\\\"t0k3n&<y>\"}")"},
      {"percent", "s3cr%2Ft%2B%22v4lu3%26%3Cx%3E", "ph4n%2Fm%2B%22t0k3n%26%3Cy%3E"},
      {"percent_twice", "s3cr%252Ft%252B%2522v4lu3%2526%253Cx%253E",
       "ph4n%252Fm%252B%2522t0k3n%2526%253Cy%253E"},
      {"html", "s3cr&#x2F;t+&quot;v4lu3&amp;&lt;x&gt;", "ph4n&#x2F;m+&quot;t0k3n&amp;&lt;y&gt;"},
      {"hex", "x" + Hex(real) + "x", "x" + Hex(fake) + "x"},
  };
  for (const Encoded& c : cases) {
    const std::string out = InPieces({{"a", real}}, {{"a", fake}}, {c.text});
    EXPECT_EQ(out.size(), c.text.size()) << c.name;
    if (c.name == std::string("json_all"))
      EXPECT_EQ(ReadPlain(out), ReadPlain(fake)) << c.name << out;
    else
      EXPECT_EQ(out, c.scrubbed) << c.name;
  }
  for (std::size_t before = 0; before < 4; ++before) {
    const std::string whole = user.substr(0, before) + real + " and more";
    for (const std::string& text : {Base64(whole), url(Base64(whole)), Base64(Base64(whole))}) {
      const std::string out = InPieces({{"a", real}}, {{"a", fake}}, {text});
      EXPECT_EQ(out.size(), text.size());
      EXPECT_NE(out, text) << before;
      std::string back = out;
      std::ranges::replace(back, '-', '+');
      std::ranges::replace(back, '_', '/');
      auto decoded = FromBase64(back);
      ASSERT_TRUE(decoded) << out;
      if (const auto again = FromBase64(*decoded)) decoded = again;
      // The characters at either end share a digit with their neighbours.
      EXPECT_NE(decoded->find(fake.substr(2, fake.size() - 4)), std::string::npos) << *decoded;
      EXPECT_EQ(decoded->find(real.substr(2, real.size() - 4)), std::string::npos) << *decoded;
    }
  }
}

// What looks like the end of an escape may be the beginning of a secret.
TEST(Scrubber, AnEscapeBeforeASecretHidesNoneOfIt) {
  for (const std::string real : {"npm_0123456789abcdef", "3d2c42fb-0000-4000-8000-1234567890ab",
                                 "u0041secretsecret", "x41secretsecret", "amp;secret-0123456"}) {
    for (const std::string before : {"\\", "%", "%%", "%2", "&", "&#x4", "\\\\", "\\u00"}) {
      const std::string out = InPieces({{"a", real}}, {}, {"text " + before + real + " text"});
      EXPECT_EQ(out.find(real), std::string::npos) << out;
    }
  }
}

TEST(Scrubber, LineBreaksWithinBase64HideNothing) {
  const std::string real = "ghp_0123456789abcdefghijABCDEFGHIJ012345";
  const std::string digits = Base64(
      "some text before it, so that it reaches over a break: " + real + " and some text behind it");
  for (const std::string brk : {"\n", "\r\n", "\\n"}) {
    for (std::size_t width : {50u, 60u, 76u}) {
      std::string text;
      for (std::size_t at = 0; at < digits.size(); at += width)
        text += digits.substr(at, width) + brk;
      const std::string out = InPieces({{"a", real}}, {}, {text});
      EXPECT_EQ(out.size(), text.size());
      std::string joined;
      for (std::size_t i = 0; i < out.size(); ++i) {
        if (out[i] == '\\')
          ++i;
        else if (out[i] != '\n' && out[i] != '\r')
          joined += out[i];
      }
      const auto decoded = FromBase64(joined);
      ASSERT_TRUE(decoded);
      EXPECT_EQ(decoded->find(real.substr(3, 30)), std::string::npos) << width << *decoded;
    }
  }
}

TEST(Scrubber, PartsOfPairsAndUrlsAreSecretsToo) {
  const Values values = {{"pair", "AKIAIOSFODNN7EXAMPLE:wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY"},
                         {"url", "postgres://app:correct-horse@db.example.com:5432/main"}};
  const Values phantoms = {{"pair", "AKIAPHANTOMPHANTOM00:phantomphantomphantomphantomphantom000"}};
  EXPECT_EQ(InPieces(values, phantoms, {"key wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY"}),
            "key phantomphantomphantomphantomphantom000");
  EXPECT_EQ(InPieces(values, phantoms, {"id AKIAIOSFODNN7EXAMPLE."}), "id AKIAPHANTOMPHANTOM00.");
  EXPECT_EQ(InPieces(values, phantoms, {"password correct-horse at db.example.com"}),
            "password ************* at db.example.com");
}

TEST(Scrubber, CuttingTheStreamChangesNothing) {
  const std::string text =
      "\\n xx secret-value-lo sec\\u0072et-value-long aabaab%2 "
      "s&amp;ecret-valaab&#x73;ecret-value\\";
  const std::string whole = InPieces(kTwo, kTwoPhantoms, {text});
  EXPECT_EQ(whole.size(), text.size());
  EXPECT_EQ(whole.find("secret-value"), std::string::npos);
  for (std::size_t a = 0; a <= text.size(); ++a) {
    for (std::size_t b = a; b <= text.size(); ++b) {
      const std::string_view view = text;
      EXPECT_EQ(
          InPieces(kTwo, kTwoPhantoms, {view.substr(0, a), view.substr(a, b - a), view.substr(b)}),
          whole);
    }
  }
}

TEST(Scrubber, RandomTextsInRandomPiecesNeverKeepASecret) {
  std::mt19937 random(20260424);
  const Values values = {{"a", "ababab"}, {"b", "bbabb"}};
  const Values phantoms = {{"a", "wxyzwx"}, {"b", "xxxxx"}};
  const std::string_view alphabet = "abababababab\\n%&\n";
  for (int round = 0; round < 500; ++round) {
    std::string text;
    for (int i = 0; i < 60; ++i) text += alphabet[random() % alphabet.size()];
    Scrubber scrubber(SetOf(values), Phantoms(phantoms));
    std::string out;
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t size = 1 + random() % 7;
      out += scrubber.Feed(std::string_view(text).substr(at, size));
      at += size;
    }
    out += scrubber.Finish();
    EXPECT_EQ(out.size(), text.size());
    EXPECT_EQ(out, InPieces(values, phantoms, {text})) << text;
    EXPECT_EQ(out.find("ababab"), std::string::npos);
    EXPECT_EQ(out.find("bbabb"), std::string::npos);
  }
}

TEST(Scrubber, ALineComesOutAtOnceWhateverItEndsWith) {
  Scrubber scrubber(SetOf({{"a", "secret-0123456789"}}), Phantoms({{"a", "p"}}));
  EXPECT_EQ(scrubber.Feed("data: a\n\n"), "data: a\n\n");
  EXPECT_EQ(scrubber.Feed("data: secret-0123\n"), "data: secret-0123\n");
  EXPECT_EQ(scrubber.Feed("x\nsecret-01234"), "x\n");
  EXPECT_EQ(scrubber.Feed("56789\n"), "ppppppppppppppppp\n");
  EXPECT_EQ(scrubber.Finish(), "");
  EXPECT_EQ(scrubber.replaced(), 1u);
}

// Otherwise a provider that repeats what it is sent would tell how much of a guess is right.
TEST(Scrubber, HowMuchIsHeldBackSaysNothingAboutTheSecret) {
  std::size_t held = 0;
  for (const char* guess : {"secret-0123", "secret-012x", "xxxxxxxxxxx"}) {
    Scrubber scrubber(SetOf({{"a", "secret-0123456789"}}), Phantoms({{"a", "p"}}));
    const std::string text = std::string(200, '0') + guess;
    const std::size_t now = text.size() - scrubber.Feed(text).size();
    EXPECT_TRUE(held == 0 || now == held) << guess;
    held = now;
  }
  EXPECT_LT(held, 100u);
}

TEST(Scrubber, ATextThatNeverSaysAnythingIsNotKept) {
  Scrubber scrubber(SetOf({{"a", "secret-0123456789"}}), Phantoms({}));
  std::size_t out = 0;
  for (int i = 0; i < 1000; ++i) out += scrubber.Feed("\\n\\n\\n\\n\\n\\n\\n\\n\\\\\\\\").size();
  EXPECT_GT(out, 1000u * 20 - 8192);
}

TEST(ScrubSet, KnowsWhatItHides) {
  const auto set = SetOf(kTwo);
  EXPECT_TRUE(set->Hides(Secret(std::string("secret-value"))));
  EXPECT_FALSE(set->Hides(Secret(std::string("secret-valu"))));
  EXPECT_TRUE(SetOf({})->empty());
}

}  // namespace
}  // namespace interlock::credential
