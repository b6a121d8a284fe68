import type { IconName } from "../ui/Icon.js";

export const VIEWS: readonly { readonly path: string; readonly label: string; readonly icon: IconName }[] = [
  { path: "runs", label: "Runs", icon: "runs" },
  { path: "messages", label: "Messages", icon: "messages" },
  { path: "channels", label: "Channels", icon: "channels" },
  { path: "publish", label: "Publish", icon: "publish" },
  { path: "health", label: "Health", icon: "health" },
  { path: "tokens", label: "Tokens", icon: "tokens" },
];
