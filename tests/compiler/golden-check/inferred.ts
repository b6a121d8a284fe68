/** What validators infer is what the generated types say. Written by the golden test; compiled, never run. */
import type * as z from "zod";
import type { Holds, Same } from "../types/same.js";

import type * as all_of_merged_types from "../golden/all-of/expected/typescript/merged.types.js";
import type * as all_of_merged_zod from "../golden/all-of/expected/typescript/merged.zod.js";
export type all_of_merged = [
  Holds<Same<z.infer<typeof all_of_merged_zod.BaseSchema>, all_of_merged_types.Base>>,
  Holds<Same<z.infer<typeof all_of_merged_zod.AuditedSchema>, all_of_merged_types.Audited>>,
  Holds<Same<z.infer<typeof all_of_merged_zod.EntitySchema>, all_of_merged_types.Entity>>,
  Holds<Same<z.infer<typeof all_of_merged_zod.DescribedSchema>, all_of_merged_types.Described>>,
  Holds<Same<z.infer<typeof all_of_merged_zod.MergedInlineSchema>, all_of_merged_types.MergedInline>>,
];

import type * as awkward_names_names_types from "../golden/awkward-names/expected/typescript/names.types.js";
import type * as awkward_names_names_zod from "../golden/awkward-names/expected/typescript/names.zod.js";
export type awkward_names_names = [
  Holds<Same<z.infer<typeof awkward_names_names_zod.InheritedRulesSchema>, awkward_names_names_types.InheritedRules>>,
  Holds<Same<z.infer<typeof awkward_names_names_zod.InvisibleSchema>, awkward_names_names_types.Invisible>>,
  Holds<Same<z.infer<typeof awkward_names_names_zod.ErrorSchema>, awkward_names_names_types.Error>>,
  Holds<Same<z.infer<typeof awkward_names_names_zod.ResultSchema>, awkward_names_names_types.Result>>,
  Holds<Same<z.infer<typeof awkward_names_names_zod.SchemaSchema>, awkward_names_names_types.Schema>>,
  Holds<Same<z.infer<typeof awkward_names_names_zod.TextSchema>, awkward_names_names_types.Text>>,
  Holds<Same<z.infer<typeof awkward_names_names_zod.PromiseSchema>, awkward_names_names_types.Promise>>,
  Holds<Same<z.infer<typeof awkward_names_names_zod.ArraySchema>, awkward_names_names_types.Array>>,
  Holds<Same<z.infer<typeof awkward_names_names_zod.ObjectSchema>, awkward_names_names_types.Object>>,
  Holds<Same<z.infer<typeof awkward_names_names_zod.MapSchema>, awkward_names_names_types.Map>>,
  Holds<Same<z.infer<typeof awkward_names_names_zod.ValueSchema>, awkward_names_names_types.Value>>,
  Holds<Same<z.infer<typeof awkward_names_names_zod.HttpServer2GoSchema>, awkward_names_names_types.HttpServer2Go>>,
  Holds<Same<z.infer<typeof awkward_names_names_zod.SnakeCaseNameSchema>, awkward_names_names_types.SnakeCaseName>>,
  Holds<Same<z.infer<typeof awkward_names_names_zod.GrößeSchema>, awkward_names_names_types.Größe>>,
  Holds<Same<z.infer<typeof awkward_names_names_zod.N3DSchema>, awkward_names_names_types.N3D>>,
  Holds<Same<z.infer<typeof awkward_names_names_zod.KeywordsSchema>, awkward_names_names_types.Keywords>>,
  Holds<Same<z.infer<typeof awkward_names_names_zod.InheritedSchema>, awkward_names_names_types.Inherited>>,
  Holds<Same<z.infer<typeof awkward_names_names_zod.InheritedClosedSchema>, awkward_names_names_types.InheritedClosed>>,
  Holds<Same<z.infer<typeof awkward_names_names_zod.InheritedOpenSchema>, awkward_names_names_types.InheritedOpen>>,
  Holds<Same<z.infer<typeof awkward_names_names_zod.InheritedTagSchema>, awkward_names_names_types.InheritedTag>>,
  Holds<Same<z.infer<typeof awkward_names_names_zod.SpellingsSchema>, awkward_names_names_types.Spellings>>,
  Holds<Same<z.infer<typeof awkward_names_names_zod.TraitsDefaultSchema>, awkward_names_names_types.TraitsDefault>>,
  Holds<Same<z.infer<typeof awkward_names_names_zod.AsAsRefSchema>, awkward_names_names_types.AsAsRef>>,
  Holds<Same<z.infer<typeof awkward_names_names_zod.MatchResultSchema>, awkward_names_names_types.MatchResult>>,
  Holds<Same<z.infer<typeof awkward_names_names_zod.MatchErrSchema>, awkward_names_names_types.MatchErr>>,
  Holds<Same<z.infer<typeof awkward_names_names_zod.ErrorIntoIteratorSchema>, awkward_names_names_types.ErrorIntoIterator>>,
  Holds<Same<z.infer<typeof awkward_names_names_zod.ErrorFnSchema>, awkward_names_names_types.ErrorFn>>,
  Holds<Same<z.infer<typeof awkward_names_names_zod.CrateMessageSchema>, awkward_names_names_types.CrateMessage>>,
  Holds<Same<z.infer<typeof awkward_names_names_zod.InvisibleABSchema>, awkward_names_names_types.InvisibleAB>>,
  Holds<Same<z.infer<typeof awkward_names_names_zod.KeywordsEnumSchema>, awkward_names_names_types.KeywordsEnum>>,
  Holds<Same<z.infer<typeof awkward_names_names_zod.InheritedProtoSchema>, awkward_names_names_types.InheritedProto>>,
  Holds<Same<z.infer<typeof awkward_names_names_zod.InheritedTagOneSchema>, awkward_names_names_types.InheritedTagOne>>,
  Holds<Same<z.infer<typeof awkward_names_names_zod.InheritedTagTwoSchema>, awkward_names_names_types.InheritedTagTwo>>,
  Holds<Same<z.infer<typeof awkward_names_names_zod.ErrorFnAsyncSchema>, awkward_names_names_types.ErrorFnAsync>>,
];

import type * as channels_channels_types from "../golden/channels/expected/typescript/channels.types.js";
import type * as channels_channels_zod from "../golden/channels/expected/typescript/channels.zod.js";
export type channels_channels = [
  Holds<Same<z.infer<typeof channels_channels_zod.EntrySchema>, channels_channels_types.Entry>>,
  Holds<Same<z.infer<typeof channels_channels_zod.SystemNoticeSchema>, channels_channels_types.SystemNotice>>,
  Holds<Same<z.infer<typeof channels_channels_zod.ContentPipelineStatusSchema>, channels_channels_types.ContentPipelineStatus>>,
  Holds<Same<z.infer<typeof channels_channels_zod.UserRoomStatusSchema>, channels_channels_types.UserRoomStatus>>,
  Holds<Same<z.infer<typeof channels_channels_zod.OpenParamResultSchema>, channels_channels_types.OpenParamResult>>,
  Holds<Same<z.infer<typeof channels_channels_zod.ContentPipelineStatusDetailSchema>, channels_channels_types.ContentPipelineStatusDetail>>,
];

import type * as collections_collections_types from "../golden/collections/expected/typescript/collections.types.js";
import type * as collections_collections_zod from "../golden/collections/expected/typescript/collections.zod.js";
export type collections_collections = [
  Holds<Same<z.infer<typeof collections_collections_zod.PairSchema>, collections_collections_types.Pair>>,
  Holds<Same<z.infer<typeof collections_collections_zod.NestedSchema>, collections_collections_types.Nested>>,
  Holds<Same<z.infer<typeof collections_collections_zod.CountsSchema>, collections_collections_types.Counts>>,
  Holds<Same<z.infer<typeof collections_collections_zod.EverythingSchema>, collections_collections_types.Everything>>,
  Holds<Same<z.infer<typeof collections_collections_zod.CollectionsListSchema>, collections_collections_types.CollectionsList>>,
  Holds<Same<z.infer<typeof collections_collections_zod.CollectionsMapSchema>, collections_collections_types.CollectionsMap>>,
  Holds<Same<z.infer<typeof collections_collections_zod.CollectionsItemsSchema>, collections_collections_types.CollectionsItems>>,
  Holds<Same<z.infer<typeof collections_collections_zod.NestedItem1Schema>, collections_collections_types.NestedItem1>>,
  Holds<Same<z.infer<typeof collections_collections_zod.NestedItem2Schema>, collections_collections_types.NestedItem2>>,
  Holds<Same<z.infer<typeof collections_collections_zod.EverythingChoicesItemSchema>, collections_collections_types.EverythingChoicesItem>>,
  Holds<Same<z.infer<typeof collections_collections_zod.EverythingMapOfObjectsValueSchema>, collections_collections_types.EverythingMapOfObjectsValue>>,
  Holds<Same<z.infer<typeof collections_collections_zod.CollectionsItemsItemSchema>, collections_collections_types.CollectionsItemsItem>>,
];

import type * as drafts_channels_types from "../golden/drafts/expected/typescript/channels.types.js";
import type * as drafts_channels_zod from "../golden/drafts/expected/typescript/channels.zod.js";
export type drafts_channels = [
  Holds<Same<z.infer<typeof drafts_channels_zod.BuildRecentSchema>, drafts_channels_types.BuildRecent>>,
  Holds<Same<z.infer<typeof drafts_channels_zod.BuildOldNamedSchema>, drafts_channels_types.BuildOldNamed>>,
  Holds<Same<z.infer<typeof drafts_channels_zod.BuildRecentAnchoredSchema>, drafts_channels_types.BuildRecentAnchored>>,
];

import type * as drafts_settings_types from "../golden/drafts/expected/typescript/settings.types.js";
import type * as drafts_settings_zod from "../golden/drafts/expected/typescript/settings.zod.js";
export type drafts_settings = [
  Holds<Same<z.infer<typeof drafts_settings_zod.SettingsSchema>, drafts_settings_types.Settings>>,
  Holds<Same<z.infer<typeof drafts_settings_zod.TaskNameSchema>, drafts_settings_types.TaskName>>,
];

import type * as enums_and_consts_values_types from "../golden/enums-and-consts/expected/typescript/values.types.js";
import type * as enums_and_consts_values_zod from "../golden/enums-and-consts/expected/typescript/values.zod.js";
export type enums_and_consts_values = [
  Holds<Same<z.infer<typeof enums_and_consts_values_zod.StepSchema>, enums_and_consts_values_types.Step>>,
  Holds<Same<z.infer<typeof enums_and_consts_values_zod.MoodSchema>, enums_and_consts_values_types.Mood>>,
  Holds<Same<z.infer<typeof enums_and_consts_values_zod.SymbolsSchema>, enums_and_consts_values_types.Symbols>>,
  Holds<Same<z.infer<typeof enums_and_consts_values_zod.LoneSchema>, enums_and_consts_values_types.Lone>>,
  Holds<Same<z.infer<typeof enums_and_consts_values_zod.OpenLoneSchema>, enums_and_consts_values_types.OpenLone>>,
  Holds<Same<z.infer<typeof enums_and_consts_values_zod.SizesSchema>, enums_and_consts_values_types.Sizes>>,
  Holds<Same<z.infer<typeof enums_and_consts_values_zod.WholeSchema>, enums_and_consts_values_types.Whole>>,
  Holds<Same<z.infer<typeof enums_and_consts_values_zod.MixedSchema>, enums_and_consts_values_types.Mixed>>,
  Holds<Same<z.infer<typeof enums_and_consts_values_zod.OriginSchema>, enums_and_consts_values_types.Origin>>,
  Holds<Same<z.infer<typeof enums_and_consts_values_zod.EverythingSchema>, enums_and_consts_values_types.Everything>>,
  Holds<Same<z.infer<typeof enums_and_consts_values_zod.ValuesInlineSchema>, enums_and_consts_values_types.ValuesInline>>,
  Holds<Same<z.infer<typeof enums_and_consts_values_zod.EverythingInlineSchema>, enums_and_consts_values_types.EverythingInline>>,
  Holds<Same<z.infer<typeof enums_and_consts_values_zod.EverythingInlineOpenSchema>, enums_and_consts_values_types.EverythingInlineOpen>>,
];

import type * as files_people_types from "../golden/files/expected/typescript/people.types.js";
import type * as files_people_zod from "../golden/files/expected/typescript/people.zod.js";
export type files_people = [
  Holds<Same<z.infer<typeof files_people_zod.BadgeSchema>, files_people_types.Badge>>,
  Holds<Same<z.infer<typeof files_people_zod.GoldSchema>, files_people_types.Gold>>,
];

import type * as files_shared_ids_types from "../golden/files/expected/typescript/shared/ids.types.js";
import type * as files_shared_ids_zod from "../golden/files/expected/typescript/shared/ids.zod.js";
export type files_shared_ids = [
  Holds<Same<z.infer<typeof files_shared_ids_zod.OrderIdSchema>, files_shared_ids_types.OrderId>>,
  Holds<Same<z.infer<typeof files_shared_ids_zod.DescribedSchema>, files_shared_ids_types.Described>>,
];

import type * as files_shared_money_types from "../golden/files/expected/typescript/shared/money.types.js";
import type * as files_shared_money_zod from "../golden/files/expected/typescript/shared/money.zod.js";
export type files_shared_money = [
  Holds<Same<z.infer<typeof files_shared_money_zod.MoneySchema>, files_shared_money_types.Money>>,
];

import type * as files_units_types from "../golden/files/expected/typescript/units.types.js";
import type * as files_units_zod from "../golden/files/expected/typescript/units.zod.js";
export type files_units = [
  Holds<Same<z.infer<typeof files_units_zod.UnitSchema>, files_units_types.Unit>>,
];

import type * as json_definition_channels_types from "../golden/json-definition/expected/typescript/channels.types.js";
import type * as json_definition_channels_zod from "../golden/json-definition/expected/typescript/channels.zod.js";
export type json_definition_channels = [
  Holds<Same<z.infer<typeof json_definition_channels_zod.InstantSchema>, json_definition_channels_types.Instant>>,
  Holds<Same<z.infer<typeof json_definition_channels_zod.TickerPriceSchema>, json_definition_channels_types.TickerPrice>>,
];

import type * as numbers_numbers_types from "../golden/numbers/expected/typescript/numbers.types.js";
import type * as numbers_numbers_zod from "../golden/numbers/expected/typescript/numbers.zod.js";
export type numbers_numbers = [
  Holds<Same<z.infer<typeof numbers_numbers_zod.PercentageSchema>, numbers_numbers_types.Percentage>>,
  Holds<Same<z.infer<typeof numbers_numbers_zod.AccountIdSchema>, numbers_numbers_types.AccountId>>,
  Holds<Same<z.infer<typeof numbers_numbers_zod.EverythingSchema>, numbers_numbers_types.Everything>>,
  Holds<Same<z.infer<typeof numbers_numbers_zod.NumbersFractionSchema>, numbers_numbers_types.NumbersFraction>>,
  Holds<Same<z.infer<typeof numbers_numbers_zod.NumbersWideSchema>, numbers_numbers_types.NumbersWide>>,
];

import type * as objects_objects_types from "../golden/objects/expected/typescript/objects.types.js";
import type * as objects_objects_zod from "../golden/objects/expected/typescript/objects.zod.js";
export type objects_objects = [
  Holds<Same<z.infer<typeof objects_objects_zod.ClosedSchema>, objects_objects_types.Closed>>,
  Holds<Same<z.infer<typeof objects_objects_zod.ExtendedSchema>, objects_objects_types.Extended>>,
  Holds<Same<z.infer<typeof objects_objects_zod.ExtendedObjectsSchema>, objects_objects_types.ExtendedObjects>>,
  Holds<Same<z.infer<typeof objects_objects_zod.RequiredUndeclaredSchema>, objects_objects_types.RequiredUndeclared>>,
  Holds<Same<z.infer<typeof objects_objects_zod.AllRequiredSchema>, objects_objects_types.AllRequired>>,
  Holds<Same<z.infer<typeof objects_objects_zod.AnnotatedSchema>, objects_objects_types.Annotated>>,
  Holds<Same<z.infer<typeof objects_objects_zod.EverythingSchema>, objects_objects_types.Everything>>,
  Holds<Same<z.infer<typeof objects_objects_zod.ObjectsInlineSchema>, objects_objects_types.ObjectsInline>>,
  Holds<Same<z.infer<typeof objects_objects_zod.ObjectsEmptySchema>, objects_objects_types.ObjectsEmpty>>,
  Holds<Same<z.infer<typeof objects_objects_zod.ObjectsClosedEmptySchema>, objects_objects_types.ObjectsClosedEmpty>>,
  Holds<Same<z.infer<typeof objects_objects_zod.ObjectsInlineAuthorSchema>, objects_objects_types.ObjectsInlineAuthor>>,
  Holds<Same<z.infer<typeof objects_objects_zod.ObjectsInlineAuthorAddressSchema>, objects_objects_types.ObjectsInlineAuthorAddress>>,
];

import type * as optional_and_nullable_presence_types from "../golden/optional-and-nullable/expected/typescript/presence.types.js";
import type * as optional_and_nullable_presence_zod from "../golden/optional-and-nullable/expected/typescript/presence.zod.js";
export type optional_and_nullable_presence = [
  Holds<Same<z.infer<typeof optional_and_nullable_presence_zod.PlaceSchema>, optional_and_nullable_presence_types.Place>>,
  Holds<Same<z.infer<typeof optional_and_nullable_presence_zod.MaybePlaceSchema>, optional_and_nullable_presence_types.MaybePlace>>,
  Holds<Same<z.infer<typeof optional_and_nullable_presence_zod.MaybeColourSchema>, optional_and_nullable_presence_types.MaybeColour>>,
  Holds<Same<z.infer<typeof optional_and_nullable_presence_zod.MaybeListSchema>, optional_and_nullable_presence_types.MaybeList>>,
  Holds<Same<z.infer<typeof optional_and_nullable_presence_zod.EverythingSchema>, optional_and_nullable_presence_types.Everything>>,
  Holds<Same<z.infer<typeof optional_and_nullable_presence_zod.PresenceMaybeSchema>, optional_and_nullable_presence_types.PresenceMaybe>>,
  Holds<Same<z.infer<typeof optional_and_nullable_presence_zod.PresenceMaybeObjectSchema>, optional_and_nullable_presence_types.PresenceMaybeObject>>,
  Holds<Same<z.infer<typeof optional_and_nullable_presence_zod.PresenceMaybeNamedSchema>, optional_and_nullable_presence_types.PresenceMaybeNamed>>,
  Holds<Same<z.infer<typeof optional_and_nullable_presence_zod.MaybeColourValueSchema>, optional_and_nullable_presence_types.MaybeColourValue>>,
  Holds<Same<z.infer<typeof optional_and_nullable_presence_zod.EverythingSizeSchema>, optional_and_nullable_presence_types.EverythingSize>>,
  Holds<Same<z.infer<typeof optional_and_nullable_presence_zod.EverythingInlineSchema>, optional_and_nullable_presence_types.EverythingInline>>,
  Holds<Same<z.infer<typeof optional_and_nullable_presence_zod.PresenceMaybeObjectValueSchema>, optional_and_nullable_presence_types.PresenceMaybeObjectValue>>,
];

import type * as recursion_trees_types from "../golden/recursion/expected/typescript/trees.types.js";
import type * as recursion_trees_zod from "../golden/recursion/expected/typescript/trees.zod.js";
export type recursion_trees = [
  Holds<Same<z.infer<typeof recursion_trees_zod.LiteralSchema>, recursion_trees_types.Literal>>,
  Holds<Same<z.infer<typeof recursion_trees_zod.TreesForestSchema>, recursion_trees_types.TreesForest>>,
  Holds<Same<z.infer<typeof recursion_trees_zod.TreesInlineSchema>, recursion_trees_types.TreesInline>>,
];

import type * as rules_rules_types from "../golden/rules/expected/typescript/rules.types.js";
import type * as rules_rules_zod from "../golden/rules/expected/typescript/rules.zod.js";
export type rules_rules = [
  Holds<Same<z.infer<typeof rules_rules_zod.AddressSchema>, rules_rules_types.Address>>,
  Holds<Same<z.infer<typeof rules_rules_zod.BasketSchema>, rules_rules_types.Basket>>,
  Holds<Same<z.infer<typeof rules_rules_zod.LineSchema>, rules_rules_types.Line>>,
  Holds<Same<z.infer<typeof rules_rules_zod.PairSchema>, rules_rules_types.Pair>>,
  Holds<Same<z.infer<typeof rules_rules_zod.NeverSchema>, rules_rules_types.Never>>,
  Holds<Same<z.infer<typeof rules_rules_zod.ShopPaymentSchema>, rules_rules_types.ShopPayment>>,
  Holds<Same<z.infer<typeof rules_rules_zod.ShopLabelsSchema>, rules_rules_types.ShopLabels>>,
  Holds<Same<z.infer<typeof rules_rules_zod.ShopPhrasesSchema>, rules_rules_types.ShopPhrases>>,
  Holds<Same<z.infer<typeof rules_rules_zod.ShopAnythingSchema>, rules_rules_types.ShopAnything>>,
  Holds<Same<z.infer<typeof rules_rules_zod.ShopChoiceSchema>, rules_rules_types.ShopChoice>>,
  Holds<Same<z.infer<typeof rules_rules_zod.ShopCodeSchema>, rules_rules_types.ShopCode>>,
  Holds<Same<z.infer<typeof rules_rules_zod.ShopShapeSchema>, rules_rules_types.ShopShape>>,
  Holds<Same<z.infer<typeof rules_rules_zod.LineValueSchema>, rules_rules_types.LineValue>>,
  Holds<Same<z.infer<typeof rules_rules_zod.ShopPaymentKindSchema>, rules_rules_types.ShopPaymentKind>>,
];

import type * as signals_reviews_types from "../golden/signals/expected/typescript/reviews.types.js";
import type * as signals_reviews_zod from "../golden/signals/expected/typescript/reviews.zod.js";
export type signals_reviews = [
  Holds<Same<z.infer<typeof signals_reviews_zod.OutcomeSchema>, signals_reviews_types.Outcome>>,
  Holds<Same<z.infer<typeof signals_reviews_zod.ReviewResultSchema>, signals_reviews_types.ReviewResult>>,
  Holds<Same<z.infer<typeof signals_reviews_zod.ReviewApproveSchema>, signals_reviews_types.ReviewApprove>>,
  Holds<Same<z.infer<typeof signals_reviews_zod.ReviewBudgetSchema>, signals_reviews_types.ReviewBudget>>,
  Holds<Same<z.infer<typeof signals_reviews_zod.ReviewTypeSchema>, signals_reviews_types.ReviewType>>,
  Holds<Same<z.infer<typeof signals_reviews_zod.ReviewCancelSchema>, signals_reviews_types.ReviewCancel>>,
  Holds<Same<z.infer<typeof signals_reviews_zod.ReviewRunResultSchema>, signals_reviews_types.ReviewRunResult>>,
  Holds<Same<z.infer<typeof signals_reviews_zod.CountdownTickSchema>, signals_reviews_types.CountdownTick>>,
  Holds<Same<z.infer<typeof signals_reviews_zod.CountdownRunResultSchema>, signals_reviews_types.CountdownRunResult>>,
  Holds<Same<z.infer<typeof signals_reviews_zod.ReviewApproveVerdictSchema>, signals_reviews_types.ReviewApproveVerdict>>,
  Holds<Same<z.infer<typeof signals_reviews_zod.ReviewApproveChangesItemSchema>, signals_reviews_types.ReviewApproveChangesItem>>,
  Holds<Same<z.infer<typeof signals_reviews_zod.ReviewRunResultBySchema>, signals_reviews_types.ReviewRunResultBy>>,
];

import type * as signals_shared_types from "../golden/signals/expected/typescript/shared.types.js";
import type * as signals_shared_zod from "../golden/signals/expected/typescript/shared.zod.js";
export type signals_shared = [
  Holds<Same<z.infer<typeof signals_shared_zod.ReasonSchema>, signals_shared_types.Reason>>,
];

import type * as streams_stories_types from "../golden/streams/expected/typescript/stories.types.js";
import type * as streams_stories_zod from "../golden/streams/expected/typescript/stories.zod.js";
export type streams_stories = [
  Holds<Same<z.infer<typeof streams_stories_zod.StoryTitleSchema>, streams_stories_types.StoryTitle>>,
];

import type * as strings_strings_types from "../golden/strings/expected/typescript/strings.types.js";
import type * as strings_strings_zod from "../golden/strings/expected/typescript/strings.zod.js";
export type strings_strings = [
  Holds<Same<z.infer<typeof strings_strings_zod.SlugSchema>, strings_strings_types.Slug>>,
  Holds<Same<z.infer<typeof strings_strings_zod.EverythingSchema>, strings_strings_types.Everything>>,
  Holds<Same<z.infer<typeof strings_strings_zod.StringsBareSchema>, strings_strings_types.StringsBare>>,
  Holds<Same<z.infer<typeof strings_strings_zod.StringsLimitedSchema>, strings_strings_types.StringsLimited>>,
  Holds<Same<z.infer<typeof strings_strings_zod.StringsFormattedSchema>, strings_strings_types.StringsFormatted>>,
];

import type * as tagged_unions_events_types from "../golden/tagged-unions/expected/typescript/events.types.js";
import type * as tagged_unions_events_zod from "../golden/tagged-unions/expected/typescript/events.zod.js";
export type tagged_unions_events = [
  Holds<Same<z.infer<typeof tagged_unions_events_zod.CreatedSchema>, tagged_unions_events_types.Created>>,
  Holds<Same<z.infer<typeof tagged_unions_events_zod.DeletedSchema>, tagged_unions_events_types.Deleted>>,
  Holds<Same<z.infer<typeof tagged_unions_events_zod.EventSchema>, tagged_unions_events_types.Event>>,
  Holds<Same<z.infer<typeof tagged_unions_events_zod.OpenEventSchema>, tagged_unions_events_types.OpenEvent>>,
  Holds<Same<z.infer<typeof tagged_unions_events_zod.ByAnyOfSchema>, tagged_unions_events_types.ByAnyOf>>,
  Holds<Same<z.infer<typeof tagged_unions_events_zod.NestedLeafSchema>, tagged_unions_events_types.NestedLeaf>>,
  Holds<Same<z.infer<typeof tagged_unions_events_zod.EventsInlineSchema>, tagged_unions_events_types.EventsInline>>,
  Holds<Same<z.infer<typeof tagged_unions_events_zod.ByAnyOfOneTwoSchema>, tagged_unions_events_types.ByAnyOfOneTwo>>,
  Holds<Same<z.infer<typeof tagged_unions_events_zod.ByAnyOfN3Schema>, tagged_unions_events_types.ByAnyOfN3>>,
  Holds<Same<z.infer<typeof tagged_unions_events_zod.NestedNodeEitherSchema>, tagged_unions_events_types.NestedNodeEither>>,
  Holds<Same<z.infer<typeof tagged_unions_events_zod.EventsInlineMoveSchema>, tagged_unions_events_types.EventsInlineMove>>,
  Holds<Same<z.infer<typeof tagged_unions_events_zod.EventsInlineSelfDestructSchema>, tagged_unions_events_types.EventsInlineSelfDestruct>>,
];

import type * as unions_unions_types from "../golden/unions/expected/typescript/unions.types.js";
import type * as unions_unions_zod from "../golden/unions/expected/typescript/unions.zod.js";
export type unions_unions = [
  Holds<Same<z.infer<typeof unions_unions_zod.PointSchema>, unions_unions_types.Point>>,
  Holds<Same<z.infer<typeof unions_unions_zod.NamedSchema>, unions_unions_types.Named>>,
  Holds<Same<z.infer<typeof unions_unions_zod.AnySchema>, unions_unions_types.Any>>,
  Holds<Same<z.infer<typeof unions_unions_zod.OneSchema>, unions_unions_types.One>>,
  Holds<Same<z.infer<typeof unions_unions_zod.WidthSchema>, unions_unions_types.Width>>,
  Holds<Same<z.infer<typeof unions_unions_zod.KindsSchema>, unions_unions_types.Kinds>>,
  Holds<Same<z.infer<typeof unions_unions_zod.KindsOrNullSchema>, unions_unions_types.KindsOrNull>>,
  Holds<Same<z.infer<typeof unions_unions_zod.TitledSchema>, unions_unions_types.Titled>>,
  Holds<Same<z.infer<typeof unions_unions_zod.WithNullSchema>, unions_unions_types.WithNull>>,
  Holds<Same<z.infer<typeof unions_unions_zod.NullTwoSchema>, unions_unions_types.NullTwo>>,
  Holds<Same<z.infer<typeof unions_unions_zod.ChoicesSchema>, unions_unions_types.Choices>>,
  Holds<Same<z.infer<typeof unions_unions_zod.EverythingSchema>, unions_unions_types.Everything>>,
  Holds<Same<z.infer<typeof unions_unions_zod.NullTwiceSchema>, unions_unions_types.NullTwice>>,
  Holds<Same<z.infer<typeof unions_unions_zod.KindsOrNullValueSchema>, unions_unions_types.KindsOrNullValue>>,
  Holds<Same<z.infer<typeof unions_unions_zod.TitledDetailedSchema>, unions_unions_types.TitledDetailed>>,
  Holds<Same<z.infer<typeof unions_unions_zod.WithNullValueSchema>, unions_unions_types.WithNullValue>>,
  Holds<Same<z.infer<typeof unions_unions_zod.ChoicesChoiceSchema>, unions_unions_types.ChoicesChoice>>,
  Holds<Same<z.infer<typeof unions_unions_zod.EverythingInlineSchema>, unions_unions_types.EverythingInline>>,
  Holds<Same<z.infer<typeof unions_unions_zod.EverythingListItemSchema>, unions_unions_types.EverythingListItem>>,
];
