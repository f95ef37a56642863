// The pack of the model APIs: what passes, and what its providers would do by themselves.
#include <gtest/gtest.h>

#include <algorithm>

#include "classify/pack_for_test.h"

namespace interlock::classify {
namespace {

struct Door {
  const char* host;
  const char* target;
};

Classified Prompt(const Door& door, const std::string& body) {
  return Ask({"POST", door.target, body, {{"content-type", "application/json"}}, door.host});
}

std::string HostedBy(const Door& door, const std::string& body) {
  const Classified found = Prompt(door, body);
  if (const auto* malformed = std::get_if<Malformed>(&found)) return "refused " + malformed->name;
  const Action& action = std::get<Action>(found);
  if (action.effect != Effect::read) return std::string(ToString(action.effect));
  std::string out;
  for (const std::string& name : HostedToolsOf(action).names)
    out.append(out.empty() ? "" : " ").append(name);
  return out;
}

constexpr Door kAnthropic = {"api.anthropic.com", "/v1/messages?beta=true"};
constexpr Door kResponses = {"api.openai.com", "/v1/responses"};
constexpr Door kCodex = {"chatgpt.com", "/backend-api/codex/responses"};
constexpr Door kChat = {"api.openai.com", "/v1/chat/completions"};
constexpr Door kGemini = {"generativelanguage.googleapis.com",
                          "/v1beta/models/g:streamGenerateContent?alt=sse"};
constexpr Door kCodeAssist = {"cloudcode-pa.googleapis.com",
                              "/v1internal:streamGenerateContent?alt=sse"};
constexpr Door kOpenRouter = {"openrouter.ai", "/api/v1/chat/completions"};
constexpr Door kGroq = {"api.groq.com", "/openai/v1/chat/completions"};

struct Claim {
  Door door;
  const char* body;
  const char* hosted;
};

TEST(ModelApis, WhatAgentsSendPasses) {
  const Claim kClaims[] = {
      {kAnthropic,
       R"({"model":"m","max_tokens":1,"stream":true,"system":[{"type":"text","text":"s","cache_control":{"type":"ephemeral"}}],
           "tools":[{"name":"Bash","description":"d","input_schema":{"type":"object","properties":{"source":{"type":"url"},"tools":{"type":"array"}}}},
                    {"type":"bash_20250124","name":"bash"},{"type":"custom","name":"c","input_schema":{}}],
           "messages":[{"role":"user","content":"hi"},
             {"role":"assistant","content":[{"type":"tool_use","id":"t","name":"Bash","input":{"source":{"type":"url","url":"https://x"}}}]},
             {"role":"user","content":[{"type":"tool_result","tool_use_id":"t","content":[{"type":"image","source":{"type":"base64","data":"AA"}}]}]}],
           "thinking":{"type":"enabled","budget_tokens":1},"metadata":{"user_id":"u"}})",
       ""},
      {kResponses,
       R"({"model":"m","instructions":"i","input":[{"type":"message","role":"user","content":[{"type":"input_text","text":"x"},
            {"type":"input_image","image_url":"data:image/png;base64,AA"}]},
            {"type":"function_call","name":"exec_command","arguments":"{\"image_url\":\"https://x\"}","call_id":"c"},
            {"type":"function_call_output","call_id":"c","output":"https://x"}],
           "tools":[{"type":"function","name":"exec_command","parameters":{}},{"type":"custom","name":"apply_patch"},
                    {"type":"web_search","external_web_access":false},{"type":"namespace","name":"n","tools":[{"type":"function","name":"f"}]}],
           "tool_choice":"auto","parallel_tool_calls":true,"store":false,"stream":true,"include":[],"prompt_cache_key":"k","client_metadata":{}})",
       ""},
      {kChat,
       R"({"model":"m","messages":[{"role":"user","content":"x"}],"tools":[{"type":"function","function":{"name":"f"}}],"stream":true})",
       ""},
      {kGemini,
       R"({"contents":[{"role":"model","parts":[{"functionCall":{"name":"f","args":{"fileUri":"https://x"}}}]}],
           "tools":[{"functionDeclarations":[{"name":"f"}]}],"systemInstruction":{"parts":[]},"generationConfig":{}})",
       ""},
      {kCodeAssist,
       R"({"model":"m","project":"p","user_prompt_id":"u","request":{"contents":[],"tools":[{"functionDeclarations":[]}],"session_id":"s"}})",
       ""},
      {kOpenRouter, R"({"model":"a/b","messages":[],"usage":{"include":true}})", ""},
  };
  for (const Claim& claim : kClaims)
    EXPECT_EQ(HostedBy(claim.door, claim.body), claim.hosted) << claim.door.host << claim.body;
}

TEST(ModelApis, WhatAProviderWouldDoItselfIsNamed) {
  const Claim kClaims[] = {
      {kAnthropic,
       R"({"mcp_servers":[{"type":"url","url":"https://x","authorization_token":"t"}]})", "mcp"},
      {kAnthropic, R"({"tools":[{"type":"mcp_toolset","mcp_server_name":"x"}]})", "mcp_toolset"},
      {kAnthropic, R"({"tools":[{"type":"web_search_20250305","name":"web_search"}]})",
       "web_search"},
      {kAnthropic, R"({"tools":[{"type":"web_fetch_20250910","name":"web_fetch"}]})", "web_fetch"},
      {kAnthropic, R"({"tools":[{"type":"code_execution_20250825","name":"c"}]})",
       "code_execution"},
      {kAnthropic, R"({"tools":[{"type":"bash_code_execution_20250825","name":"c"}]})",
       "bash_code_execution"},
      {kAnthropic, R"({"container":{"skills":[{"type":"anthropic","skill_id":"pptx"}]}})",
       "container"},
      {kAnthropic,
       R"({"messages":[{"content":[{"type":"image","source":{"type":"url","url":"https://x/?s"}}]}]})",
       "url"},
      {kAnthropic,
       R"({"messages":[{"content":[{"type":"tool_result","content":[{"type":"document","source":{"type":"url","url":"u"}}]}]}]})",
       "url"},
      {kAnthropic,
       R"({"messages":[{"content":[{"type":"document","source":{"type":"content","content":[{"type":"image","source":{"type":"url"}}]}}]}]})",
       "url"},
      {kResponses,
       R"({"tools":[{"type":"mcp","server_label":"x","server_url":"https://x","authorization":"t"}]})",
       "mcp"},
      {kResponses, R"({"tools":[{"type":"web_search"}]})", "web_search"},
      {kResponses, R"({"tools":[{"type":"web_search","external_web_access":true}]})", "web_search"},
      {kResponses, R"({"tools":[{"type":"web_search_preview_2025_03_11"}]})", "web_search_preview"},
      {kResponses, R"({"tools":[{"type":"code_interpreter","container":{"type":"auto"}}]})",
       "code_interpreter"},
      {kResponses, R"({"tools":[{"type":"file_search","vector_store_ids":["v"]}]})", "file_search"},
      {kResponses, R"({"tools":[{"type":"shell","environment":{"type":"container_auto"}}]})",
       "shell"},
      {kResponses, R"({"tools":[{"type":"shell"}]})", "shell"},
      {kResponses,
       R"({"tools":[{"type":"image_generation","input_image_mask":{"image_url":"https://x"}}]})",
       "image_generation"},
      {kResponses, R"({"prompt":{"id":"pmpt_1"}})", "prompt"},
      {kResponses, R"({"conversation":"conv_1"})", "conversation"},
      {kResponses, R"({"input":[{"type":"tool_search_output","tools":[{"type":"mcp"}]}]})", "mcp"},
      {kResponses, R"({"input":[{"content":[{"type":"input_file","file_url":"https://x"}]}]})",
       "url"},
      {kResponses, R"({"input":[{"content":[{"type":"input_image","image_url":"https://x"}]}]})",
       "url"},
      {kCodex, R"({"tools":[{"type":"mcp"}]})", "mcp"},
      {kChat, R"({"web_search_options":{}})", "web_search_options"},
      {kChat, R"({"model":"gpt-4o-search-preview","messages":[]})", "web_search"},
      {kChat,
       R"({"messages":[{"content":[{"type":"image_url","image_url":{"url":"http://169.254.169.254/"}}]}]})",
       "url"},
      {kGemini, R"({"tools":[{"googleSearch":{}}]})", "googleSearch"},
      {kGemini, R"({"tools":[{"google_search":{}}]})", "google_search"},
      {kGemini, R"({"tools":{"urlContext":{}}})", "urlContext"},
      {kGemini, R"({"tools":[{"functionDeclarations":[],"codeExecution":{}}]})", "codeExecution"},
      {kGemini, R"({"cachedContent":"cachedContents/1"})", "cachedContent"},
      {kGemini, R"({"contents":[{"parts":[{"fileData":{"fileUri":"https://x"}}]}]})", "url"},
      {kGemini, R"({"contents":[{"parts":[{"file_data":{"file_uri":"https://x"}}]}]})", "url"},
      {kCodeAssist, R"({"request":{"tools":[{"googleSearch":{}}]}})", "googleSearch"},
      {kCodeAssist, R"({"request":{"tools":[{"mcpServers":[{"url":"https://x"}]}]}})",
       "mcpServers"},
      {kCodeAssist, R"({"request":{"cachedContent":"c"}})", "request.cachedContent"},
      {kCodeAssist, R"({"tools":[{"googleSearch":{}}]})", "tools"},
      {kOpenRouter, R"({"model":"a/b:online"})", "web_search"},
      {kOpenRouter, R"({"plugins":[{"id":"web"}]})", "plugins"},
      {kOpenRouter, R"({"tools":[{"type":"openrouter:web_search"}]})", "openrouter:web_search"},
      {kGroq, R"({"model":"groq/compound"})", "web_search"},
      {kGroq, R"({"tools":[{"type":"browser_search"}]})", "browser_search"},
      {{"api.x.ai", "/v1/chat/completions"},
       R"({"search_parameters":{"mode":"on"}})",
       "search_parameters"},
      {{"api.mistral.ai", "/v1/chat/completions"},
       R"({"messages":[{"content":[{"type":"document_url","document_url":"https://x"}]}]})",
       "url"},
  };
  for (const Claim& claim : kClaims)
    EXPECT_EQ(HostedBy(claim.door, claim.body), claim.hosted) << claim.door.host << claim.body;
}

TEST(ModelApis, ALoginIsRenewedAndNotMade) {
  const Door kRenewals[] = {{"platform.claude.com", "/v1/oauth/token"},
                            {"console.anthropic.com", "/v1/oauth/token"},
                            {"auth.openai.com", "/oauth/token"},
                            {"oauth2.googleapis.com", "/token"}};
  for (const Door& door : kRenewals) {
    EXPECT_EQ(
        HostedBy(door, R"({"grant_type":"refresh_token","refresh_token":"r","client_id":"c"})"), "")
        << door.host;
    EXPECT_EQ(HostedBy(door, R"({"grant_type":"authorization_code","code":"c","client_id":"c"})"),
              "refused login-refresh")
        << door.host;
  }
}

TEST(ModelApis, AKeyOfOneProviderHasAKindOfItsOwn) {
  const Pack* pack = ProjectPacks().Get("model-apis");
  ASSERT_NE(pack, nullptr);
  std::map<std::string, const Api*> owners;
  for (const Api& api : pack->apis) {
    for (const CredentialPlace& place : api.credentials) {
      if (place.caller != FromCaller::key) continue;
      EXPECT_EQ(owners.try_emplace(place.kind, &api).first->second, &api) << place.kind;
    }
  }
  EXPECT_GE(owners.size(), 10u);
}

TEST(ModelApis, APromptIsReadUpToALimitOfItsOwn) {
  const BodyPlan plan =
      PlanBody(ProjectPacks(), "api.anthropic.com", "POST", "/v1/messages?beta=true");
  EXPECT_TRUE(plan.needed);
  EXPECT_TRUE(plan.is_prompt);
  EXPECT_EQ(plan.bytes_max, 32u << 20);
  EXPECT_EQ(PlanBody(ProjectPacks(), "api.anthropic.com", "POST", "/v1/files").bytes_max, 0u);
  EXPECT_NE(PlanBody(ProjectPacks(), "auth.openai.com", "POST", "/oauth/token").refreshes, nullptr);
}

}  // namespace
}  // namespace interlock::classify
