import { Dialog } from "../ui/Dialog.js";

const SHORTCUTS = [
  ["Ctrl K or ⌘ K", "Search commands, runs and channels"],
  ["1 … 6", "Open a view"],
  ["j, k", "Select the next or previous row"],
  ["Enter", "Open the selected row"],
  ["/", "Search or filter"],
  ["p", "Pause or resume messages"],
  ["Esc", "Close, or go back"],
  ["?", "Show these shortcuts"],
] as const;

export function Shortcuts({ onClose }: { readonly onClose: () => void }) {
  return (
    <Dialog title="Keyboard shortcuts" onClose={onClose}>
      <dl className="pairs">
        {SHORTCUTS.map(([keys, meaning]) => (
          <div key={keys}>
            <dt>
              <kbd>{keys}</kbd>
            </dt>
            <dd>{meaning}</dd>
          </div>
        ))}
      </dl>
    </Dialog>
  );
}
