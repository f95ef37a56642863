#include "policy/prove.h"

#include <algorithm>

#include "base/bytes.h"

namespace interlock::policy {
namespace {

// Stands for "any text": in no pattern, because a file can't have a control character.
constexpr char kAny = '\x01';

struct Claim {
  std::string_view name;
  std::string_view says;
  bool (*concerns)(const Action&, const Facts&);  // the inputs that it speaks of
  Verdict at_least;
};

bool IsDestructive(const Action& action) { return action.effect >= Effect::irreversible; }

bool IsObservedDisposable(const Facts& facts) {
  return facts.disposable &&
         (facts.relation == Relation::lent || facts.relation == Relation::other);
}

constexpr Claim kClaims[] = {
    {"irreversible-is-signed",
     "Nothing that can't be undone, or whose effect is unknown, is allowed outside of what was "
     "observed to be disposable.",
     [](const Action& action, const Facts& facts) {
       return IsDestructive(action) && !IsObservedDisposable(facts);
     },
     Verdict::hold},
    {"unresolved-is-not-changed",
     "Nothing is changed where it could not be observed which environment it is in.",
     [](const Action& action, const Facts& facts) {
       return action.effect >= Effect::reversible && facts.relation == Relation::unresolved;
     },
     Verdict::hold},
    {"secrets-stay", "No answer hands a live credential to the agent unasked.",
     [](const Action& action, const Facts&) { return action.discloses != Disclosure::none; },
     Verdict::hold},
    {"foreign-is-refused", "No request passes with a credential that Interlock did not issue.",
     [](const Action&, const Facts& facts) { return facts.credential == CredentialSeen::foreign; },
     Verdict::deny},
    {"a-lend-has-an-end", "A lent credential is not used beyond what it was lent for unasked.",
     [](const Action&, const Facts& facts) { return facts.beyond_lend; }, Verdict::hold},
};

// The text of a pattern's family that the fewest other patterns match.
std::string WitnessOf(std::string pattern) {
  std::replace(pattern.begin(), pattern.end(), '*', kAny);
  return pattern;
}

std::vector<std::string> WitnessesOf(const std::vector<std::string>& patterns) {
  std::vector<std::string> out;
  for (const std::string& pattern : patterns) out.push_back(WitnessOf(pattern));
  if (out.empty()) out.emplace_back(1, kAny);
  return out;
}

// One way to meet the text conditions of an allow rule.
struct Texts {
  std::string operation;
  std::string provider;
  std::string environment;
  std::string resource;
};

std::vector<Texts> WaysInto(const Rule& rule) {
  const When& when = rule.when;
  std::vector<std::string> environments = when.environment;
  // With a word of relation any name will do; one that no rule has is matched by the fewest.
  if (!when.relation.empty() || environments.empty()) environments.emplace_back(1, kAny);
  std::vector<Texts> out;
  for (const std::string& operation : WitnessesOf(when.operation))
    for (const std::string& provider : WitnessesOf(when.provider))
      for (const std::string& environment : environments)
        for (const std::string& resource : WitnessesOf(when.resource))
          out.push_back({operation, provider, environment, resource});
  return out;
}

Action ActionOf(const Texts& texts, Effect effect, Disclosure discloses) {
  Action action;
  action.provider = texts.provider;
  const std::size_t colon = texts.resource.find(':');
  const std::size_t slash = texts.resource.find('/', colon == std::string::npos ? 0 : colon);
  ResourceId target{texts.resource, "", ""};
  if (colon != std::string::npos && slash != std::string::npos)
    target = {texts.resource.substr(0, colon), texts.resource.substr(colon + 1, slash - colon - 1),
              texts.resource.substr(slash + 1)};
  action.operations.push_back({texts.operation, effect, discloses, {target}, "", {}});
  Summarize(action);
  return action;
}

class Prover {
 public:
  explicit Prover(const Policy& policy) : policy_(policy) {
    for (const Claim& claim : kClaims) proof_.theorems.push_back({claim.name, claim.says, {}});
  }

  Proof Run() {
    TryAll(
        {std::string(1, kAny), std::string(1, kAny), std::string(1, kAny), std::string(1, kAny)});
    for (const Rule& rule : policy_.rules()) {
      if (rule.then != Verdict::allow) continue;
      for (const Texts& texts : WaysInto(rule)) TryAll(texts);
    }
    return std::move(proof_);
  }

 private:
  void TryAll(const Texts& texts) {
    for (const Effect effect :
         {Effect::read, Effect::reversible, Effect::irreversible, Effect::unknown}) {
      for (const Disclosure discloses : {Disclosure::none, Disclosure::credential}) {
        const Action action = ActionOf(texts, effect, discloses);
        for (const Relation relation :
             {Relation::none, Relation::lent, Relation::other, Relation::unresolved})
          TryFacts(action, relation, texts.environment);
      }
    }
  }

  void TryFacts(const Action& action, Relation relation, const std::string& environment) {
    Facts facts;
    facts.relation = relation;
    if (relation == Relation::unresolved) {
      facts.environments = {"production"};
    } else if (relation != Relation::none) {
      facts.environments = {environment};
    }
    for (const bool disposable : {false, true}) {
      for (const CredentialSeen credential :
           {CredentialSeen::none, CredentialSeen::phantom, CredentialSeen::foreign}) {
        for (const bool beyond_lend : {false, true}) {
          facts.disposable = disposable;
          facts.credential = credential;
          facts.beyond_lend = beyond_lend;
          Try(action, facts);
        }
      }
    }
  }

  void Try(const Action& action, const Facts& facts) {
    ++proof_.inputs;
    const Decision decision = Decide(policy_, action, facts);
    for (std::size_t i = 0; i < std::size(kClaims); ++i) {
      Theorem& theorem = proof_.theorems[i];
      if (theorem.counterexample || decision.verdict >= kClaims[i].at_least) continue;
      if (kClaims[i].concerns(action, facts))
        theorem.counterexample = Counterexample{action, facts, decision};
    }
  }

  const Policy& policy_;
  Proof proof_;
};

std::string TextWords(std::string text) {
  std::string out;
  for (char c : text) out += c == kAny ? std::string("*") : std::string(1, c);
  return EscapeForHumans(out, 200);
}

}  // namespace

bool Proof::Holds() const {
  return std::none_of(theorems.begin(), theorems.end(),
                      [](const Theorem& theorem) { return theorem.counterexample.has_value(); });
}

Proof Prove(const Policy& policy) { return Prover(policy).Run(); }

std::string Describe(const Counterexample& counterexample) {
  const Action& action = counterexample.action;
  const Facts& facts = counterexample.facts;
  std::string out = "rule " + counterexample.decision.rule + " lets through: operation " +
                    TextWords(action.operation) + ", effect " +
                    std::string(ToString(action.effect)) + ", environment " +
                    std::string(ToString(facts.relation));
  for (const std::string& name : facts.environments) out += " " + TextWords(name);
  out += facts.disposable ? ", disposable" : ", not disposable";
  if (action.discloses != Disclosure::none) out += ", discloses a credential";
  return out + ", credential " + std::string(ToString(facts.credential));
}

}  // namespace interlock::policy
