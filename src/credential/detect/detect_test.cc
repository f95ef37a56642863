#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <thread>

#include "base/bytes.h"
#include "base/json.h"
#include "credential/detect/assignment.h"
#include "credential/detect/checks.h"
#include "credential/detect/coded.h"
#include "credential/detect/plausible.h"
#include "credential/detect/standard.h"
#include "credential/shapes.h"
#include "crypto/hash.h"

namespace interlock::credential {
namespace {

// Makes an example of a rule's `match`: "{[0-9a-f]*40}" becomes 40 characters of the class, the
// same ones in every run. No text of this project holds a whole credential.
class Sampler {
 public:
  explicit Sampler(std::string_view seed) : seed_(seed) {}

  std::string Make(std::string_view match) {
    std::string out;
    while (!match.empty()) {
      const std::size_t end = match.starts_with("{[") ? match.find("]*") : std::string_view::npos;
      const std::size_t close = end == std::string_view::npos ? end : match.find('}', end + 1);
      if (close == std::string_view::npos) {
        out += match.front();
        match.remove_prefix(1);
        continue;
      }
      const std::string alphabet = Alphabet(match.substr(2, end - 2));
      const std::size_t count = std::stoul(std::string(match.substr(end + 2, close - end - 2)));
      out += Pick(alphabet, count);
      match.remove_prefix(close + 1);
    }
    return out;
  }

 private:
  // As random as a real one: a digit, no run of one character.
  std::string Pick(const std::string& alphabet, std::size_t count) {
    std::string out;
    while (out.size() < count) {
      const std::string bytes = crypto::Sha256(seed_ + std::to_string(counter_++));
      for (char byte : bytes) {
        const char c = alphabet[static_cast<unsigned char>(byte) % alphabet.size()];
        if (out.size() < count && (alphabet.size() < 4 || out.empty() || out.back() != c)) out += c;
      }
    }
    const bool mixed =
        alphabet.find('7') != std::string::npos && alphabet.find('b') != std::string::npos;
    if (mixed && count >= 8 && out.find_first_of("0123456789") == std::string::npos)
      out[count / 2] = '7';
    // Signs at the ends would belong to the text around.
    for (char* c : {&out.front(), &out.back()}) {
      if (std::string_view("-_=.~+/").find(*c) != std::string_view::npos && alphabet.size() > 3)
        *c = alphabet.find('b') != std::string::npos ? 'b' : alphabet[0];
    }
    return out;
  }
  static std::string Alphabet(std::string_view cls) {
    std::string out;
    for (std::size_t i = 0; i < cls.size(); ++i) {
      if (cls[i] == '\\' && i + 1 < cls.size()) {
        out += cls[++i];
      } else if (i + 2 < cls.size() && cls[i + 1] == '-') {
        for (char c = cls[i]; c <= cls[i + 2]; ++c) out += c;
        i += 2;
      } else {
        out += cls[i];
      }
    }
    return out;
  }
  std::string seed_;
  std::size_t counter_ = 0;
};

std::string FirstWord(const Rule& rule) {
  return std::string(rule.words.substr(0, rule.words.find(',')));
}

bool Holds(const std::string& text, const std::string& value, Look look = Look::everything) {
  for (const Detection& d : StandardDetector().Find(text, look).found) {
    const std::string_view found = std::string_view(text).substr(d.offset, d.size);
    if (value.find(found) != std::string::npos || found.find(value) != std::string_view::npos)
      return true;
  }
  return false;
}

TEST(StandardRules, AreManyAndSayWhatTheyAreAndWhatToDo) {
  EXPECT_GE(StandardRules().size(), 200u);
  std::set<std::string_view> ids;
  for (const Rule& rule : StandardRules()) {
    EXPECT_TRUE(ids.insert(rule.id).second) << rule.id;
    for (std::string_view text : {rule.provider, rule.kind, rule.could, rule.revoke})
      EXPECT_FALSE(text.empty()) << rule.id;
  }
}

TEST(StandardRules, ATokensExampleIsFoundInEverySurrounding) {
  for (const Rule& rule : StandardRules()) {
    if (rule.form != RuleForm::token || rule.check.starts_with("jwt") || rule.check == "basic" ||
        rule.id == "grafana-key")
      continue;
    const std::string value = Sampler(rule.id).Make(rule.match);
    for (const std::string& text :
         {value, "x = \"" + value + "\"", "x: " + value + "\n", "{\"a\":\"" + value + "\"}",
          "<a>" + value + "</a>", "see (" + value + ") or", "'" + value + "',", "a\\n" + value})
      EXPECT_TRUE(Holds(text, value, Look::formats)) << rule.id << ": " << text;
  }
}

TEST(StandardRules, ANamedExampleIsFoundInEveryLanguage) {
  for (const Rule& rule : StandardRules()) {
    if (rule.form != RuleForm::named) continue;
    const std::string value = Sampler(rule.id).Make(rule.match);
    const std::string word = FirstWord(rule);
    const bool id = rule.id.ends_with("-id");
    const std::string name = word + (id ? "_client_id" : "_api_key");
    std::string upper = name;
    for (char& c : upper) c = static_cast<char>(std::toupper(c));
    for (const std::string& text :
         {name + " = \"" + value + "\"", upper + "=" + value, upper + ": " + value,
          "{\"" + name + "\": \"" + value + "\"}", "<" + name + ">" + value + "</" + name + ">",
          "'" + name + "' => '" + value + "'", "$" + name + " = '" + value + "';",
          "set(\"" + name + "\", \"" + value + "\")", name + " := \"" + value + "\"",
          name + " ?= \"" + value + "\"", "- name: " + upper + "\n  value: \"" + value + "\"",
          "s = \"{\\\"" + name + "\\\":\\\"" + value + "\\\"}\""})
      EXPECT_TRUE(Holds(text, value)) << rule.id << ": " << text;
  }
}

TEST(StandardRules, WhatStandsForAnExampleIsNone) {
  for (const Rule& rule : StandardRules()) {
    if (rule.form != RuleForm::token || rule.placeholders_too || rule.randomness == Randomness::any)
      continue;
    std::string value = Sampler(rule.id).Make(rule.match);
    const std::size_t fixed = rule.match.find("{[");
    if (fixed == std::string_view::npos) continue;
    for (std::size_t i = fixed; i < value.size(); ++i) {
      if (std::isalnum(static_cast<unsigned char>(value[i])) != 0) value[i] = 'x';
    }
    EXPECT_TRUE(StandardDetector().Find("k = \"" + value + "\"", Look::everything).found.empty())
        << rule.id << ": " << value;
  }
}

TEST(Detector, CodeIsNoCredential) {
  for (const char* text :
       {"const token = await getAccessTokenFromStorage2(tokenName);",
        "password = os.environ[\"DATABASE_PASSWORD\"]", "secret: ${{ secrets.NPM_TOKEN }}",
        "token := r.Header.Get(\"X-Auth-Token\")", "PASSWORD=changeme", "api_key = <your key here>",
        "public_key = \"0aB1cD2eF3gH4iJ5kL6mN7oP8qR9sT0u\"",
        "token_type = \"application/vnd.oci.image2\"",
        "if (password.length() < 12 || password.length() > 128) return false;",
        "https://user:password@example.com/", "postgres://postgres:postgres@localhost:5432/db",
        "\"integrity\": \"sha512-0aB1cD2eF3gH4iJ5kL6mN7oP8qR9sT0uV1wX2yZ3==\"",
        "keyboard_layout: us-international-2", "tokenize(\"a long text 1234567890\")",
        "resolved_token = self.tokens[index + 1]", "secretName: my-database-credentials-v2",
        "commit 1f2e3d4c5b6a79881f2e3d4c5b6a79881f2e3d4c",
        "next_page_token = \"aGVsbG8gd29ybGQgMTIz\""})
    EXPECT_TRUE(StandardDetector().Find(text, Look::everything).found.empty()) << text;
}

TEST(Detector, LoginsAndKeysThatOnlyTheirPlaceGivesAwayAreFound) {
  const std::string key = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQ3Zf8LmQ7Yt";
  for (const std::string& text :
       {std::string("DATABASE_URL=postgres://app:9fK2-pq7Zt@db.internal:5432/app"),
        std::string("curl -u 'deploy:9fK2-pq7Zt' https://ci.internal/"),
        "Authorization: Basic " + Base64("deploy:9fK2-pq7Zt"),
        std::string("-H \"Authorization: Bearer 8f14e45fceea167a5a36dedd4bea2543\""),
        std::string("<add key=\"ClearTextPassword\" value=\"9fK2-pq7Zt\" />"),
        std::string("Server=db;User Id=app;Password=9fK2pq7Zt!x;"),
        "-----BEGIN PRIVATE KEY-----\n" + key + "\n-----END PRIVATE KEY-----\n",
        "\"-----BEGIN PRIVATE KEY-----\\n" + key + "\\n-----END PRIVATE KEY-----\\n\"",
        std::string("apiVersion: v1\nkind: Secret\nmetadata:\n  name: db\ndata:\n  password: ") +
            Base64("9fK2-pq7Zt") + "\n",
        std::string("kind: Secret\nstringData:\n  password: 9fK2-pq7Zt\n"),
        std::string("docker login --password 9fK2pq7ZtLm4Rw8XcV registry.internal")})
    EXPECT_FALSE(StandardDetector().Find(text, Look::everything).found.empty()) << text;
}

TEST(Detector, PathologicalTextsEnd) {
  std::string hostile;
  for (int i = 0; i < 20'000; ++i) hostile += "token=eyJ.ghp_secret:";
  EXPECT_TRUE(StandardDetector().Find(hostile, Look::everything).complete);
  std::string many;
  Sampler sampler("many");
  for (std::size_t i = 0; i < kDetectionsMax + 10; ++i)
    many += sampler.Make("ghp_{[A-Za-z0-9]*36}") + "\n";
  const Detections found = StandardDetector().Find(many, Look::everything);
  EXPECT_FALSE(found.complete);
  EXPECT_LE(found.found.size(), kDetectionsMax + 1);
}

TEST(Detector, ThreadsMayShareIt) {
  const std::string token = Sampler("t").Make("ghp_{[A-Za-z0-9]*36}");
  std::vector<std::jthread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int j = 0; j < 50; ++j)
        EXPECT_EQ(StandardDetector().Find("a " + token, Look::everything).found.size(), 1u);
    });
  }
}

TEST(Detector, RulesWithMistakesAreRefusedWithTheirPlace) {
  const struct {
    std::string_view kinds;
    std::string_view says;
  } kCases[] = {
      {"- { id: a, kind: k, token: '(', match: x }", "the pattern"},
      {"- { id: a, kind: k, token: 'a', value: 'b', match: x }", "wants one of"},
      {"- { id: a, kind: k, value: 'b', match: x }", "\"words\" must be a list"},
      {"- { id: a, kind: k, token: 'a', match: x, tokn: b }", "unknown key \"tokn\""},
      {"- { id: a, kind: k, token: 'a', match: x, check: crc }", "there is no check"},
      {"- { id: a, kind: k, code: nothing }", "there is no routine"},
      {"- { id: a, kind: k, token: 'a' }", "\"match\" must be an example"},
  };
  for (const auto& c : kCases) {
    RuleBook book;
    const auto read = book.Read("x.yaml",
                                "credentials: x\nproviders:\n  - name: p\n    revoke: r\n"
                                "    could: c\n    kinds:\n      " +
                                    std::string(c.kinds) + "\n");
    ASSERT_FALSE(read) << c.kinds;
    EXPECT_NE(read.error().message.find("x.yaml:7:"), std::string::npos) << read.error().message;
    EXPECT_NE(read.error().message.find(c.says), std::string::npos) << read.error().message;
  }
}

TEST(Detector, OwnRulesAreCompiled) {
  RuleBook book;
  ASSERT_TRUE(book.Read("x.yaml",
                        "credentials: x\nproviders:\n  - name: acme\n    revoke: r\n    could: c\n"
                        "    kinds:\n      - { id: acme-key, kind: key, token: "
                        "'acme_[0-9a-f]{32}', match: 'acme_{[0-9a-f]*32}' }\n"));
  const auto detector = Detector::Make(std::move(book));
  ASSERT_TRUE(detector) << detector.error().message;
  const std::string text = "k=" + Sampler("acme").Make("acme_{[0-9a-f]*32}");
  const auto found = (*detector)->Find(text, Look::everything).found;
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].rule->id, "acme-key");
  EXPECT_EQ(found[0].offset, 2u);
}

TEST(Checks, AGithubTokenEndsWithTheChecksumOfItsRandomPart) {
  const std::string random = Sampler("crc").Make("{[A-Za-z0-9]*30}");
  EXPECT_EQ(Check("github", "ghp_" + random + Base62Crc32(random)), Checked::fits);
  EXPECT_EQ(Check("github", "ghp_" + random + "000000"), Checked::misfits);
  EXPECT_EQ(Base62Crc32("").size(), 6u);
}

TEST(Checks, AJwtNeedsAHeaderAndAClaim) {
  const std::string head = Base64Url(R"({"alg":"HS256","typ":"JWT"})");
  const std::string sign = Sampler("sign").Make("{[A-Za-z0-9]*43}");
  EXPECT_TRUE(IsJwt(head + "." + Base64Url(R"({"sub":"alice"})") + "." + sign));
  EXPECT_FALSE(IsJwt(head + "." + Base64Url(R"({"confidence":0.8})") + "." + sign));
  EXPECT_FALSE(IsJwt(Base64Url("{}") + "." + Base64Url(R"({"sub":"alice"})") + "." + sign));
  EXPECT_FALSE(IsJwt(head + "." + sign));
}

TEST(Names, AreSplitIntoWords) {
  EXPECT_EQ(NameWords("MessageBirdClientID"), "_message_bird_client_id_");
  EXPECT_EQ(NameWords("SUMO_ACCESS_KEY"), "_sumo_access_key_");
  EXPECT_EQ(NameWords("x-api-key"), "_x_api_key_");
  EXPECT_TRUE(HasWord("_message_bird_client_id_", "messagebird"));
  EXPECT_TRUE(HasWord("_mailchimpe_key_", "mailchimp"));
  EXPECT_FALSE(HasWord("_rook_table_", "okta"));
  EXPECT_FALSE(HasWord("_sum_of_exposures_", "sumo"));
}

// Not in the project: see ilk_test's ILK_SHARED_DIR.
TEST(Corpus, TrueSecretsAreFoundAndOthersAreNot) {
  const std::filesystem::path file = std::filesystem::path(ILK_SHARED_DIR) / "corpus/secret.jsonl";
  std::ifstream in(file);
  if (!in) GTEST_SKIP() << "needs " << file;
  std::size_t high = 0, found_high = 0, others = 0, alarms = 0;
  for (std::string line; std::getline(in, line);) {
    const auto parsed = ParseJson(line);
    ASSERT_TRUE(parsed);
    const json::object& object = parsed->as_object();
    const std::string_view text = FindString(*FindObject(object, "input"), "text");
    const bool found = !StandardDetector().Find(text, Look::everything).found.empty();
    if (FindString(object, "label") != "secret") {
      ++others;
      alarms += found;
    } else if (FindString(object, "confidence") == "high") {
      ++high;
      found_high += found;
    }
  }
  ASSERT_GT(high, 0u);
  EXPECT_GE(static_cast<double>(found_high), 0.99 * static_cast<double>(high));
  EXPECT_LE(static_cast<double>(alarms), 0.02 * static_cast<double>(others));
}

}  // namespace
}  // namespace interlock::credential
