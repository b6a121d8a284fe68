import { useEffect, useState } from "react";
import { Icon } from "./Icon.js";

const EVENT = "fanfare-toast";

/** Shows a text for a few seconds, and lets screen readers read it. */
export function announce(text: string): void {
  dispatchEvent(new CustomEvent(EVENT, { detail: text }));
}

export function Toasts() {
  const [text, setText] = useState("");
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const onToast = (event: Event) => {
      clearTimeout(timer);
      setText(String((event as CustomEvent).detail));
      timer = setTimeout(() => setText(""), 5000);
    };
    addEventListener(EVENT, onToast);
    return () => {
      removeEventListener(EVENT, onToast);
      clearTimeout(timer);
    };
  }, []);
  return (
    <div className="toasts" role="status">
      {text !== "" && (
        <div className="toast">
          <Icon name="check" size={14} />
          {text}
        </div>
      )}
    </div>
  );
}
