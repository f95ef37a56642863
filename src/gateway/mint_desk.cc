#include "gateway/mint_desk.h"

#include <string.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/string.hpp>
#include <optional>

#include "base/bytes.h"
#include "base/file.h"
#include "base/ids.h"
#include "credential/inject.h"
#include "crypto/hash.h"
#include "gateway/core.h"
#include "gateway/forward.h"
#include "gateway/record.h"

namespace interlock::gateway {
namespace {

using credential::MintTerms;
using credential::Sourced;
using credential::VaultEntry;

constexpr std::size_t kFileBytesMax = 16u << 20;
constexpr std::size_t kOutstandingMax = 1000;
constexpr std::size_t kAnswerBytesMax = 1u << 20;
constexpr std::chrono::seconds kTryAgain{60};

// Everything a call needs to know.
struct Terms {
  const classify::Api* api = nullptr;
  const MintRule* rule = nullptr;
  VaultEntry with;
  MintTerms values;
  std::string host;
};

Result<Terms> TermsOf(Core& core, const std::string& provider, const std::string& kind,
                      const std::string& with, const MintTerms& given) {
  ILK_TRY(wide, core.vault.Get(with));
  if (!wide.for_mint || wide.provider != provider)
    return Fail(Code::invalid_input, with + " is not kept for minting at " + provider +
                                         " (interlock vault add " + with + " … --for mint)");
  const classify::Pack* pack = core.packs.Get(provider);
  if (pack == nullptr) return Fail(Code::not_found, "no pack is called \"" + provider + "\"");
  for (const classify::Api& api : pack->apis) {
    const auto rule = std::ranges::find_if(
        api.mints, [&](const MintRule& one) { return one.kind == kind && one.with == wide.kind; });
    if (rule == api.mints.end()) continue;
    Terms terms{&api, &*rule, std::move(wide), {}, {}};
    ILK_TRY(values, credential::CompleteTerms(*rule, given));
    terms.values = std::move(values);
    terms.host = credential::HostOf(*rule, terms.values);
    if (terms.host.empty() && !api.hosts.empty()) {
      const auto settings = core.settings();
      const auto known = std::ranges::find_if(
          api.hosts, [&](const std::string& host) { return settings->routes->Names(host); });
      terms.host = known == api.hosts.end() ? api.hosts.front() : *known;
    }
    // The wide credential goes to the provider it is for and to nobody else.
    if (core.packs.Find(terms.host) != &api)
      return Fail(Code::denied, "\"" + EscapeForHumans(terms.host, 120) + "\" is no host of " +
                                    provider + "'s that mints");
    return terms;
  }
  return Fail(Code::invalid_input, "the pack " + provider + " does not say how a \"" + kind +
                                       "\" credential is minted with a \"" + wide.kind + "\" one");
}

// How a credential stands in a call of our own; what comes back is searched for it.
Injection At(CredentialRef place, std::shared_ptr<const Secret> real) {
  std::string cover(real->size(), '*');
  return Injection{std::move(place), std::move(real), std::move(cover)};
}
Injection AsBearer(std::shared_ptr<const Secret> real) {
  return At({"", 1, "authorization", "Bearer "}, std::move(real));
}

Result<Injection> InjectionOf(Core& core, const Terms& terms, std::shared_ptr<const Secret> real) {
  switch (terms.rule->proof) {
    case MintProof::place: {
      // Our own requests mark no place in a target or a body.
      const auto place = std::ranges::find_if(terms.api->credentials, [&](const auto& one) {
        return one.kind == terms.with.kind && !credential::IsInTarget(one.stand) &&
               !credential::IsInBody(one.stand);
      });
      if (place == terms.api->credentials.end())
        return Fail(Code::not_found, "the pack has no header for " + terms.with.kind);
      return At({"", 1, place->header, place->prefix, place->stand, place->name}, std::move(real));
    }
    case MintProof::jwt: {
      ILK_TRY(jwt, credential::SignedJwt(*terms.rule, terms.values, *real, core.clock.Now()));
      return AsBearer(std::make_shared<const Secret>(std::move(jwt)));
    }
    case MintProof::sigv4:
      break;
  }
  return Fail(Code::unavailable, "this version can't sign requests to " + terms.host);
}

// `sent`, where it is asked for: whether the provider may have heard of it.
Task<Result<OneShot>> Send(Core& core, Worker& worker, Terms terms, const MintCall* call,
                           std::shared_ptr<const Secret> token, bool* sent = nullptr) {
  auto request = credential::BuildCall(*terms.rule, *call, terms.values, terms.host);
  if (!request) co_return std::unexpected(request.error());
  std::optional<Injection> injection;
  if (call->with_token) {
    if (token == nullptr) co_return Fail(Code::not_found, "the token itself is no longer known");
    injection.emplace(AsBearer(token));
  } else {
    CredentialRef ref;
    ref.entry = terms.with.name;
    ref.version = terms.with.version;
    auto real = co_await core.lends.Reveal(core, worker, ref);
    if (!real) co_return std::unexpected(real.error());
    auto made = InjectionOf(core, terms, *real);
    if (!made) co_return std::unexpected(made.error());
    injection.emplace(std::move(*made));
  }
  const BeforeSending at_once = []() -> Task<Result<void>> { co_return Result<void>{}; };
  OneShot answer =
      co_await SendOnce(core, worker, *request, std::move(injection), at_once, kAnswerBytesMax);
  if (sent != nullptr) *sent = answer.reached != Reached::nothing_sent;
  if (answer.reached != Reached::answered)
    co_return Fail(Code::unavailable, "asking " + terms.host + ": " + answer.error);
  co_return std::move(answer);
}

// How a minted token came to its end.
enum class Ending {
  revoked,
  gone,     // the provider knows of no such token
  expires,  // it can't be taken back, or not any more, and ends by itself
};
std::string_view ToString(Ending ending) {
  switch (ending) {
    case Ending::revoked:
      return "revoked";
    case Ending::gone:
      return "gone";
    case Ending::expires:
      return "expires";
  }
  return "unknown";
}

Task<Result<Ending>> TakeBackOne(Core& core, Worker& worker, Outstanding one) {
  auto terms = TermsOf(core, one.provider, one.kind, one.with, one.terms);
  if (!terms) co_return std::unexpected(terms.error());
  if (!terms->rule->revoke) co_return Ending::expires;
  terms->values["name"] = one.name;
  std::shared_ptr<const Secret> token;
  if (terms->rule->revoke->with_token) {
    CredentialRef ref;
    ref.entry = one.entry;
    ref.version = 1;
    const auto real = core.vault.Reveal(ref);
    // It went with its session or its gateway.
    if (!real) co_return Ending::expires;
    token = *real;
  }
  if (terms->rule->find) {
    auto found = co_await Send(core, worker, *terms, &*terms->rule->find, nullptr);
    if (!found) co_return std::unexpected(found.error());
    const auto id = credential::ReadFound(*terms->rule, found->status, found->body, one.name);
    if (!id) co_return std::unexpected(id.error());
    if (!*id) co_return Ending::gone;
    terms->values["id"] = **id;
  }
  auto answer = co_await Send(core, worker, *terms, &*terms->rule->revoke, token);
  if (!answer) co_return std::unexpected(answer.error());
  const auto revoked = credential::ReadRevoked(answer->status, answer->body);
  if (!revoked) co_return std::unexpected(revoked.error());
  co_return Ending::revoked;
}

json::object ToJson(const Outstanding& one) {
  json::object terms;
  for (const auto& [name, value] : one.terms) terms[name] = value;
  return {{"name", one.name}, {"entry", one.entry}, {"provider", one.provider},
          {"kind", one.kind}, {"with", one.with},   {"terms", std::move(terms)}};
}

Outstanding OutstandingOf(const json::object& object) {
  Outstanding one;
  one.name = FindString(object, "name");
  one.entry = FindString(object, "entry");
  one.provider = FindString(object, "provider");
  one.kind = FindString(object, "kind");
  one.with = FindString(object, "with");
  if (const json::object* terms = FindObject(object, "terms")) {
    for (const auto& [name, value] : *terms)
      if (value.is_string()) one.terms[std::string(name)] = value.get_string();
  }
  return one;
}

}  // namespace

// --- the desk ---

Result<void> MintDesk::Load(std::filesystem::path file) {
  const std::lock_guard lock(mutex_);
  file_ = std::move(file);
  std::error_code failed;
  if (!std::filesystem::exists(file_, failed)) return {};
  ILK_TRY(text, ReadFile(file_, kFileBytesMax));
  ILK_TRY(list, ParseJson(text));
  if (!list.is_array())
    return Fail(
        Code::invalid_input,
        file_.native() +
            " is damaged; it lists tokens that were minted and must be revoked: put it back "
            "from a copy, or revoke them at the provider (their names begin with "
            "\"interlock-\") and remove it");
  for (const json::value& value : list.get_array()) {
    if (!value.is_object()) continue;
    outstanding_.push_back(OutstandingOf(value.get_object()));
    outstanding_.back().is_over = true;
    outstanding_.back().tried = SteadyPoint::min();
  }
  return {};
}

Result<void> MintDesk::Save() const {
  json::array list;
  for (const Outstanding& one : outstanding_) list.push_back(ToJson(one));
  return WriteFileDurably(file_, Canonical(list));
}

Result<void> MintDesk::Add(Outstanding one) {
  const std::lock_guard lock(mutex_);
  if (outstanding_.size() >= kOutstandingMax)
    return Fail(Code::limit, "too many minted tokens could not be taken back yet");
  one.tried = SteadyPoint::min();
  outstanding_.push_back(std::move(one));
  auto saved = Save();
  if (!saved) outstanding_.pop_back();
  return saved;
}

void MintDesk::Remove(const std::string& name) {
  const std::lock_guard lock(mutex_);
  std::erase_if(outstanding_, [&](const Outstanding& one) { return one.name == name; });
  // What stays in the file by mistake is found to be gone the next time.
  (void)Save();
}

void MintDesk::EndEntries(const std::string& of) {
  const std::lock_guard lock(mutex_);
  for (Outstanding& one : outstanding_)
    if (one.entry == of || one.entry.starts_with(of + ".")) one.is_over = true;
}

void MintDesk::End(const std::string& name) {
  const std::lock_guard lock(mutex_);
  for (Outstanding& one : outstanding_)
    if (one.name == name) one.is_over = true;
}

bool MintDesk::Begin(const std::string& name, SteadyPoint before, SteadyPoint now) {
  const std::lock_guard lock(mutex_);
  const auto it = std::ranges::find(outstanding_, name, &Outstanding::name);
  if (it == outstanding_.end() || it->tried > before) return false;
  it->tried = now;
  return true;
}

void MintDesk::NoteFailure(const std::string& name, std::string why) {
  const std::lock_guard lock(mutex_);
  const auto it = std::ranges::find(outstanding_, name, &Outstanding::name);
  if (it != outstanding_.end()) it->why = std::move(why);
}

std::vector<Outstanding> MintDesk::Due(SteadyPoint before) const {
  const std::lock_guard lock(mutex_);
  std::vector<Outstanding> out;
  for (const Outstanding& one : outstanding_)
    if (one.is_over && one.tried <= before) out.push_back(one);
  return out;
}

std::vector<Outstanding> MintDesk::Left() const {
  const std::lock_guard lock(mutex_);
  std::vector<Outstanding> out;
  for (const Outstanding& one : outstanding_)
    if (one.is_over && !one.why.empty()) out.push_back(one);
  return out;
}

// --- asking and taking back ---

Result<void> CheckMint(Core& core, const VaultEntry& entry, const credential::Source& source) {
  ILK_TRY(terms, TermsOf(core, entry.provider, entry.kind, source.text, source.terms));
  (void)terms;
  return {};
}

Task<Result<Sourced>> Mint(Core& core, Worker& worker, VaultEntry entry,
                           credential::Source source) {
  auto terms = TermsOf(core, entry.provider, entry.kind, source.text, source.terms);
  if (!terms) co_return std::unexpected(terms.error());
  Outstanding one;
  one.name = "interlock-" + entry.name + "-" + Hex(RandomBytes(4));
  one.entry = entry.name;
  one.provider = entry.provider;
  one.kind = entry.kind;
  one.with = terms->with.name;
  one.terms = source.terms;
  terms->values["name"] = one.name;
  // On the record, and remembered, before the provider hears of it.
  json::object fields{{"entry", one.entry},
                      {"with", one.with},
                      {"kind", one.kind},
                      {"host", terms->host},
                      {"name", one.name}};
  for (const auto& [name, value] : one.terms)
    fields["term_" + name + "_sha256"] = crypto::Sha256Hex(value);
  auto begin = [&core, one,
                entry_text = Entry("mint", core.clock.Now(), std::move(fields))]() -> Result<void> {
    ILK_TRY(index, core.ledger.AppendDurable(entry_text));
    (void)index;
    return core.mints.Add(one);
  };
  auto begun = co_await Blocking(core, std::move(begin));
  if (!begun) co_return std::unexpected(begun.error());
  bool sent = false;
  auto answer = co_await Send(core, worker, *terms, &terms->rule->ask, nullptr, &sent);
  Result<Sourced> minted = Fail(Code::unavailable, "");
  if (answer) {
    minted = credential::ReadMinted(*terms->rule, answer->status, answer->body, core.clock.Now());
    explicit_bzero(answer->body.data(), answer->body.size());
  } else {
    minted = std::unexpected(answer.error());
  }
  if (minted) co_return std::move(minted);
  // A refusal by status made nothing. Anything else may have: it is looked for and taken back.
  const bool is_refused =
      answer && answer->status >= 400 && answer->status < 500 && answer->status != 408;
  const bool made_nothing = !sent || is_refused;
  auto settle = [&core, name = one.name, made_nothing] {
    if (made_nothing)
      core.mints.Remove(name);
    else
      core.mints.End(name);
    return true;
  };
  co_await Blocking(core, std::move(settle));
  co_return Fail(minted.error().code,
                 "minting it with " + one.with + ": " + minted.error().message);
}

Task<void> TakeBack(Core& core, Worker& worker) {
  const std::vector<Outstanding> due = core.mints.Due(std::chrono::steady_clock::now() - kTryAgain);
  for (const Outstanding& one : due) {
    if (!core.mints.Begin(one.name, std::chrono::steady_clock::now() - kTryAgain,
                          std::chrono::steady_clock::now()))
      continue;
    const auto done = co_await TakeBackOne(core, worker, one);
    auto settle = [&core, &one, &done] {
      if (!done) {
        core.mints.NoteFailure(one.name, done.error().message);
        return false;
      }
      core.mints.Remove(one.name);
      const std::string entry = Entry(
          *done == Ending::revoked ? "mint-revoked" : "mint-ended", core.clock.Now(),
          {{"entry", one.entry}, {"with", one.with}, {"name", one.name}, {"how", ToString(*done)}});
      return core.ledger.AppendDurable(entry).has_value();
    };
    co_await Blocking(core, std::move(settle));
  }
}

}  // namespace interlock::gateway
