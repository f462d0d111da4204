/** The shapes of the API, generated from its OpenAPI document. */

import type { components } from "./schema";

export type Schemas = components["schemas"];
export type Account = Schemas["Account"];
export type AccountResult = Schemas["AccountResult"];
export type Connection = Schemas["Connection"];
export type CoverageEvent = Schemas["CoverageEvent"];
export type Holding = Schemas["Holding"];
export type Hold = Schemas["Hold"];
export type Import = Schemas["Import"];
export type ImportProfile = Schemas["ImportProfile"];
export type MappingPart = Schemas["MappingPart"];
export type MappingProposal = Schemas["MappingProposal"];
export type RangeChange = Schemas["RangeChange"];
export type Revision = Schemas["Revision"];
export type Session = Schemas["Session"];
export type Snapshot = Schemas["Snapshot"];
export type SnapshotHistory = Schemas["SnapshotHistory"];
export type SnapshotSource = Schemas["SnapshotSource"];
export type Sync = Schemas["Sync"];
