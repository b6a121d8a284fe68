import type { ReactNode } from "react";
import { ApiError } from "../api/api.js";
import { Icon } from "./Icon.js";

/** A text in place of a list that has no items. */
export function Empty({ title, children }: { readonly title: string; readonly children?: ReactNode }) {
  return (
    <div className="empty">
      <strong>{title}</strong>
      {children !== undefined && <div>{children}</div>}
    </div>
  );
}

export function ErrorNotice({ error }: { readonly error: Error | undefined }) {
  if (error === undefined) return null;
  const { code, issues } = error instanceof ApiError ? error : { code: undefined, issues: [] };
  return (
    <div className="notice" data-kind="error" role="alert">
      <Icon name="warning" />
      <div>
        {error.message}
        {code !== undefined && <code> {code}</code>}
        {issues.length > 0 && (
          <ul>
            {issues.map((issue) => (
              <li key={issue.path + issue.rule}>
                <code>{issue.path === "" ? "/" : issue.path}</code> {issue.message}
              </li>
            ))}
          </ul>
        )}
      </div>
    </div>
  );
}

export function Note({ children }: { readonly children: ReactNode }) {
  return (
    <div className="notice" role="note">
      <div>{children}</div>
    </div>
  );
}
