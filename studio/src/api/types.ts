/** The JSON of the admin routes, as `runtime/ADMIN.md` specifies it. */

export interface Page<T> {
  readonly items: readonly T[];
  readonly next?: string;
}

export interface ServerInfo {
  readonly version: string;
  readonly storage: "memory" | "sqlite";
  readonly status: "open" | "closing" | "failing";
  readonly started_at: string;
  readonly now: string;
  readonly jobs: readonly string[];
  readonly connections: number;
}

/** A schema in JSON Schema 2020-12. */
export type JsonSchema = boolean | { readonly [keyword: string]: unknown };

export interface TopicInfo {
  readonly name: string;
  readonly description?: string;
  readonly carries: "payload" | "text_stream";
  readonly retain: number;
  readonly aliases: readonly string[];
  readonly schema?: JsonSchema;
}

export interface SignalInfo {
  readonly name: string;
  readonly description?: string;
  readonly aliases: readonly string[];
  readonly schema?: JsonSchema;
}

/** A param is only a name if the server does not describe its schema. */
export type ParamInfo = string | { readonly name: string; readonly schema?: JsonSchema };

export interface Definition {
  readonly name: string;
  readonly description?: string;
  readonly address: string;
  readonly params: readonly ParamInfo[];
  readonly topics: readonly TopicInfo[];
  readonly signals: readonly SignalInfo[];
  readonly has_result: boolean;
  readonly result_schema?: JsonSchema;
  readonly history: { readonly messages: number; readonly seconds: number };
  readonly fingerprint: string;
}

export interface ChannelInfo {
  readonly name: string;
  readonly definition?: string;
  readonly subscribers: number;
  readonly messages: number;
  readonly bytes: number;
  readonly used_at?: string;
}

export interface MessageItem {
  readonly kind: "message";
  readonly id: string;
  readonly topic: string;
  readonly created_at: string;
  readonly run_id?: string;
  readonly payload: unknown;
}

export interface RunEventItem {
  readonly kind: "run";
  readonly id: string;
  readonly created_at: string;
  readonly run_id?: string;
  readonly payload: unknown;
}

export interface TextItem {
  readonly kind: "text";
  readonly id: string;
  readonly topic: string;
  readonly created_at: string;
  readonly run_id?: string;
  readonly stream_id: string;
  readonly text: string;
  readonly has_start: boolean;
  readonly has_end: boolean;
  readonly error?: string;
  readonly stopped?: true;
}

export type HistoryItem = MessageItem | RunEventItem | TextItem;

export type RunState = "running" | "halted" | "completed" | "failed" | "cancelled";
export type RunActivity = "executing" | "due" | "waiting" | "retrying" | "sleeping";

export interface RunInfo {
  readonly run_id: string;
  readonly job: string;
  readonly channel: string;
  readonly state: RunState;
  readonly activity?: RunActivity;
  readonly waiting_for?: readonly string[];
  readonly due_at?: string;
  readonly failures: number;
  readonly error?: string;
  readonly created_at?: string;
  readonly changed_at: string;
  readonly rerun_of?: { readonly run_id: string; readonly call: string };
}

export interface RunDetails extends RunInfo {
  readonly input: unknown;
  readonly result?: unknown;
}

export interface Call {
  readonly call: string;
  readonly kind: "step" | "publish" | "sleep" | "wait" | "version" | "stream" | "join" | "race" | "timeout" | "map";
  readonly id: string;
  readonly state: "begun" | "succeeded" | "failed";
  readonly attempts?: number;
  readonly began_at?: string;
  readonly ended_at?: string;
  readonly retry_at?: string;
  readonly value?: unknown;
  readonly error?: string;
  readonly message_id?: string;
  readonly until?: string;
  readonly winner?: number;
  readonly question?: Question;
}

export interface Question {
  readonly id: string;
  readonly signals: readonly string[];
  readonly asked_at: string;
  readonly closes_at?: string;
  readonly answer?: {
    readonly signal: string;
    readonly payload: unknown;
    readonly sender?: string;
    readonly received_at: string;
  };
}

export interface ReceivedSignal {
  readonly name: string;
  readonly payload: unknown;
  readonly sender?: string;
  readonly received_at: string;
  readonly status: "kept" | "answer" | "taken" | "dropped";
}

export interface Metrics {
  readonly at: string;
  readonly items: readonly {
    readonly name: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly value: number;
  }[];
}

export interface ConnectionInfo {
  readonly number: number;
  readonly transport: "websocket" | "sse";
  readonly address?: string;
  readonly since: string;
  readonly subscriptions: readonly SubscriptionInfo[];
}

export interface SubscriptionInfo {
  readonly ref?: string;
  readonly channel: string;
  readonly topics: readonly {
    readonly name: string;
    readonly token_id: string;
    readonly subject?: string;
    readonly expires_at: string;
  }[];
  readonly lag: number;
}

export interface Issue {
  readonly path: string;
  readonly rule: string;
  readonly message: string;
  readonly value?: string;
}
