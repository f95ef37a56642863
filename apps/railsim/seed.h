// The world `pocketos`: always the same names, ids, tokens and rows; times relative to the clock.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"

namespace interlock::railsim {

// Fills an empty directory. Nothing here is a real secret: the tokens open this imitation alone.
Result<void> SeedPocketos(const std::filesystem::path& directory, const Clock& clock);

namespace seed {

inline constexpr std::string_view kWorkspace = "be589f21-3124-4475-be30-ea580b9e916b";
inline constexpr std::string_view kOtherWorkspace = "482da78e-0c69-4138-8b72-ca9f6d4d3245";
inline constexpr std::string_view kUser = "afe1980c-a1c2-4e92-bf6e-d5f0d08a32ab";
inline constexpr std::string_view kProject = "95ad0016-39d6-4af8-939f-bc23712efc1d";

inline constexpr std::string_view kProduction = "c3700e18-bc70-4aa8-9d3e-ac5b89df9ac0";
inline constexpr std::string_view kStaging = "ff210b64-1530-40bd-a960-3edc2069d3d7";
inline constexpr std::string_view kPr17 = "662dac9a-8872-4e9b-94d4-747dcd7ab773";

inline constexpr std::string_view kPostgres = "d54b56a6-1159-49a7-810b-e098953454e2";
inline constexpr std::string_view kWeb = "1cbd52b4-4788-4be1-a182-e855d7bfff00";
inline constexpr std::string_view kWorker = "60e1868c-7d68-4777-8ba1-7ec15ddfa75d";

inline constexpr std::string_view kPgData =
    "3d2c42fb-6a1e-4f0b-9c57-2e8d41b7a960";  // two environments
inline constexpr std::string_view kUploads = "6d80e2ee-fd65-4745-83d9-fca00655fa16";  // production
inline constexpr std::string_view kCache = "33af6b66-4b4d-470d-967c-b1024ace59ad";    // staging
inline constexpr std::string_view kPrData = "b9ab9720-f447-4a3a-95b0-6ca3b1334e12";   // pr-17

inline constexpr std::string_view kPgDataProduction = "a9759c8e-cddd-4d19-ac47-aa21b030df3d";
inline constexpr std::string_view kPgDataStaging = "8ac884ed-bc3b-4531-994d-ce286b1d2510";
inline constexpr std::string_view kUploadsProduction = "5ad8f1cb-0e35-451d-a743-820e40bdb8fb";
inline constexpr std::string_view kCacheStaging = "94f554dc-cd87-4b92-9ef9-694becf9fbb6";
inline constexpr std::string_view kPrDataPr17 = "4cef83ba-1e1c-4cf7-9780-6fcc15a19c01";

// Account tokens, sent as Bearer.
inline constexpr std::string_view kDomainsCli = "53ad412a-98c0-41fd-b20b-e6f637ed82ae";
inline constexpr std::string_view kScopeReader = "5152e547-568f-4a5b-89d1-3fbeb90d6968";
// Project tokens, sent as Project-Access-Token.
inline constexpr std::string_view kStagingDeploy = "7b1d7103-d32d-403c-94bd-88d4e113747d";
inline constexpr std::string_view kProductionDeploy = "dbc327d5-d63b-4f04-8a4c-84b103a63c12";

inline constexpr std::int64_t kPgDataProductionRows = 48213;
inline constexpr std::int64_t kPgDataStagingRows = 1204;
inline constexpr std::int64_t kUploadsRows = 3310;
inline constexpr std::int64_t kCacheRows = 512;
inline constexpr std::int64_t kPrDataRows = 96;

// Seven daily backups each; the newest is number 1.
inline constexpr int kBackups = 7;

}  // namespace seed
}  // namespace interlock::railsim
