import { RealtimeProvider } from "fanfare/react";
import type { ReactNode } from "react";

export function Providers({ children }: { children: ReactNode }) {
  return <RealtimeProvider apiBaseUrl="https://rt.example.com">{children}</RealtimeProvider>;
}
