import { useEffect, useState } from "react";
import { Icon } from "./Icon.js";

export function CopyButton({ text, label = "Copy" }: { readonly text: string | (() => string); readonly label?: string }) {
  const [outcome, setOutcome] = useState<string>();
  useEffect(() => {
    if (outcome === undefined) return;
    const timer = setTimeout(() => setOutcome(undefined), 1500);
    return () => clearTimeout(timer);
  }, [outcome]);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(typeof text === "function" ? text() : text);
      setOutcome("Copied");
    } catch {
      setOutcome("Copy failed");
    }
  };
  return (
    <button type="button" className="button small" onClick={() => void copy()}>
      <Icon name={outcome === "Copied" ? "check" : "copy"} size={12} />
      <span aria-live="polite">{outcome ?? label}</span>
    </button>
  );
}
