import { type ReactNode, useEffect, useRef, useState } from "react";
import { Palette } from "../palette/Palette.js";
import { hrefOf, navigate, useRoute } from "../route.js";
import { Icon } from "../ui/Icon.js";
import { useKeys } from "../ui/keys.js";
import { Toasts } from "../ui/Toasts.js";
import { setTheme, THEMES, useTheme } from "../ui/theme.js";
import { Shortcuts } from "./Shortcuts.js";
import { useSession } from "./session.js";
import { VIEWS } from "./views.js";

/** The engines of storages. */
const STORAGES = { memory: "memory", sqlite: "SQLite" };

/** The frame of all views: navigation, the command palette and shortcuts. */
export function Shell({ onSignOut, children }: { readonly onSignOut: () => void; readonly children: ReactNode }) {
  const { server } = useSession();
  const view = useRoute().path[0] ?? "runs";
  const [dialog, setDialog] = useState<"palette" | "shortcuts">();
  const theme = useTheme();
  const main = useRef<HTMLElement>(null);

  useEffect(() => {
    document.title = `${VIEWS.find(({ path }) => path === view)?.label ?? "Runs"} · Fanfare Studio`;
  }, [view]);
  useEffect(() => {
    const onKeyDown = (event: KeyboardEvent) => {
      if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
        event.preventDefault();
        setDialog("palette");
      }
    };
    addEventListener("keydown", onKeyDown);
    return () => removeEventListener("keydown", onKeyDown);
  }, []);
  useKeys((key) => {
    const number = VIEWS[Number(key) - 1];
    if (key === "/") main.current?.querySelector<HTMLInputElement>("input[type=search]")?.focus();
    else if (key === "?") setDialog("shortcuts");
    else if (number !== undefined) navigate([number.path]);
    else return false;
    return true;
  });

  return (
    <div className="shell">
      <nav className="sidebar" aria-label="Views">
        <div className="brand">
          <strong>Fanfare</strong> Studio
        </div>
        <ul>
          {VIEWS.map(({ path, label, icon }) => (
            <li key={path}>
              <a href={hrefOf([path])} aria-current={view === path ? "page" : undefined}>
                <Icon name={icon} />
                {label}
              </a>
            </li>
          ))}
        </ul>
        <div className="sidebar-foot">
          <div className="server-info" title={`Version ${server.version}`}>
            <span className="dot" data-status={server.status} />
            <span>
              {server.status === "open" ? "Open" : server.status === "closing" ? "Shutting down" : "Storage error"}
              <span className="quiet"> · {STORAGES[server.storage]}</span>
            </span>
          </div>
          <div className="sidebar-actions">
            <button type="button" className="icon-button" aria-label="Search commands" onClick={() => setDialog("palette")}>
              <Icon name="search" />
            </button>
            <button
              type="button"
              className="icon-button"
              aria-label={`Theme: ${theme}. Change it`}
              title={`Theme: ${theme}`}
              onClick={() => setTheme(THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length]!)}
            >
              <Icon name="theme" />
            </button>
            <button type="button" className="icon-button" aria-label="Sign out" title="Sign out" onClick={onSignOut}>
              <Icon name="signout" />
            </button>
          </div>
        </div>
      </nav>
      <main ref={main} className="view" tabIndex={0}>
        {children}
      </main>
      <Toasts />
      {dialog === "palette" && <Palette onClose={() => setDialog(undefined)} onSignOut={onSignOut} />}
      {dialog === "shortcuts" && <Shortcuts onClose={() => setDialog(undefined)} />}
    </div>
  );
}
