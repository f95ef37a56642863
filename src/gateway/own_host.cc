#include "gateway/own_host.h"

#include "base/bytes.h"
#include "gateway/forward.h"
#include "gateway/hold_desk.h"

namespace interlock::gateway {
namespace {

Answer NotFound() {
  return JsonAnswer(
      404, {{"error", "there is nothing here; a session asks for its own holds at /holds/<id>"}});
}

Answer StateOf(Core& core, const Session& session, const std::string& id) {
  const auto record = core.store.Get(id);
  if (!record || record->session != session.id) return NotFound();
  json::object out{
      {"hold", record->id}, {"state", record->state}, {"expires", FormatTime(record->expires)}};
  if (!record->reason.empty()) out["reason"] = record->reason;
  if (!record->superseded_by.empty()) out["superseded_by"] = record->superseded_by;
  const auto outcome =
      record->outcome.empty() ? Result<json::value>(json::object{}) : ParseJson(record->outcome);
  if (outcome && outcome->is_object()) {
    if (const auto summary = FindString(outcome->as_object(), "summary"); !summary.empty())
      out["summary"] = summary;
    if (const auto sealed = FromBase64(FindString(outcome->as_object(), "answer"));
        sealed && !sealed->empty()) {
      const auto opened = core.vault.Unseal(*sealed, "answer " + record->id);
      const auto answer =
          opened ? ParseJson(*opened) : Result<json::value>(Fail(Code::internal, ""));
      // What became a secret of the vault since then is hidden too.
      if (answer && answer->is_object()) {
        const Cover cover = CoverFor(core, session.id, std::nullopt);
        json::object shown = answer->as_object();
        shown["body"] = cover.Text(FindString(shown, "body"));
        out["answer"] = std::move(shown);
      }
    }
  }
  return JsonAnswer(200, out);
}

}  // namespace

Task<bool> AnswerOwnHost(Core& core, Exchange& exchange) {
  const http1::RequestHead& head = exchange.head;
  const bool keep = head.keep_alive && head.framing.kind == http1::FramingKind::none;
  Answer answer = NotFound();
  constexpr std::string_view kHolds = "/holds/";
  if (head.method != "GET" && head.method != "HEAD") {
    answer = JsonAnswer(405, {{"error", "only GET"}});
  } else if (const std::string_view path = head.PathAndQuery(); path.starts_with(kHolds)) {
    const std::string id(path.substr(kHolds.size()));
    auto look = [&core, session = exchange.session, id] { return StateOf(core, *session, id); };
    answer = co_await Blocking(core, std::move(look));
  }
  exchange.client.SetDeadline(core.times.body);
  co_return co_await WriteAnswer(exchange.client, answer, head.method, keep) && keep;
}

}  // namespace interlock::gateway
