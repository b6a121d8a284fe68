import { useVirtualizer } from "@tanstack/react-virtual";
import { type CSSProperties, type ReactNode, type RefObject, useEffect, useId, useLayoutEffect, useRef } from "react";
import { useKeys } from "./keys.js";

export interface Column<T> {
  readonly name: string;
  /** A track of a CSS grid. */
  readonly width: string;
  /** The track on a narrow screen, if it is another one. */
  readonly narrowWidth?: string;
  /** Whether the column is left out on a narrow screen. */
  readonly wideOnly?: boolean;
  readonly align?: "end";
  /** The content of its header. Default: its name. */
  readonly head?: ReactNode;
  readonly render: (item: T) => ReactNode;
}

interface GridProps<T> {
  readonly label: string;
  readonly items: readonly T[];
  readonly columns: readonly Column<T>[];
  readonly idOf: (item: T) => string;
  readonly selectedId?: string | undefined;
  readonly onSelect: (item: T) => void;
  readonly onOpen?: ((item: T) => void) | undefined;
  /** Called when the end of the list is near. */
  readonly onEnd?: (() => void) | undefined;
  /** Called with the indexes of the rows that the user sees. */
  readonly onVisible?: ((first: number, last: number) => void) | undefined;
  readonly footer?: ReactNode;
  readonly rowHeight?: number;
}

/**
 * A table of many rows, of which only the visible ones are in the document. j and k select, Enter opens. Rows that are
 * added at the top do not move the others while the user has scrolled.
 */
export function Grid<T>(props: GridProps<T>) {
  const { label, items, columns, idOf, selectedId, onSelect, onOpen = onSelect, onEnd, onVisible, footer, rowHeight = 32 } = props;
  const scroller = useRef<HTMLDivElement>(null);
  const id = useId();
  const rows = useVirtualizer({
    count: items.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => rowHeight,
    overscan: 12,
    // The header covers this much.
    scrollPaddingEnd: 28,
  });
  const selected = selectedId === undefined ? -1 : items.findIndex((item) => idOf(item) === selectedId);

  useKeptPosition(scroller, items, idOf, rowHeight);
  const visible = rows.getVirtualItems();
  const isNearEnd = (visible.at(-1)?.index ?? -1) >= items.length - 10;
  useEffect(() => {
    if (isNearEnd) onEnd?.();
  }, [isNearEnd, items.length]);

  const [firstVisible, lastVisible] = [visible[0]?.index ?? 0, visible.at(-1)?.index ?? 0];
  useEffect(() => onVisible?.(firstVisible, lastVisible), [firstVisible, lastVisible]);

  // Shows the selected row once, and does not hold it while rows are added.
  useEffect(() => {
    if (selected !== -1) rows.scrollToIndex(selected);
  }, [selectedId, selected === -1]);

  const move = (to: number) => {
    const item = items[Math.max(0, Math.min(items.length - 1, to))];
    if (item !== undefined) onSelect(item);
  };
  useKeys((key, event) => {
    // If the focus is in a grid, only that one handles the keys.
    const focused = document.activeElement?.closest(".grid") ?? scroller.current;
    if (scroller.current === null || scroller.current.offsetParent === null || focused !== scroller.current) return false;
    if (key === "j" || key === "ArrowDown") move(selected + 1);
    else if (key === "k" || key === "ArrowUp") move(selected === -1 ? 0 : selected - 1);
    else if (key === "Home") move(0);
    else if (key === "End") move(items.length - 1);
    else if (key === "Enter" && selected !== -1 && !isControl(event.target)) onOpen(items[selected]!);
    else return false;
    return true;
  });

  const rowId = (index: number) => `${id}-${index}`;
  const tracks = {
    "--columns": columns.map(({ width }) => width).join(" "),
    "--columns-narrow": columns.filter(({ wideOnly }) => wideOnly !== true).map(({ width, narrowWidth }) => narrowWidth ?? width).join(" "),
  } as CSSProperties;
  return (
    <div
      className="grid"
      role="grid"
      aria-label={label}
      aria-rowcount={items.length + 1}
      aria-activedescendant={visible.some(({ index }) => index === selected) ? rowId(selected) : undefined}
      tabIndex={0}
      ref={scroller}
      style={tracks}
    >
      <div className="grid-head" role="rowgroup">
        <div className="grid-row" role="row">
          {columns.map((column) => (
            <div key={column.name} role="columnheader" data-align={column.align} data-wide={column.wideOnly}>
              {column.head ?? column.name}
            </div>
          ))}
        </div>
      </div>
      <div className="grid-body" role="rowgroup" style={{ height: rows.getTotalSize() }}>
        {visible.map(({ index, start }) => {
          const item = items[index]!;
          return (
            <div
              key={idOf(item)}
              id={rowId(index)}
              className="grid-row"
              role="row"
              aria-rowindex={index + 2}
              aria-selected={index === selected}
              style={{ height: rowHeight, transform: `translateY(${start}px)` }}
              onClick={() => onOpen(item)}
            >
              {columns.map((column) => (
                <div key={column.name} role="gridcell" data-align={column.align} data-wide={column.wideOnly}>
                  {column.render(item)}
                </div>
              ))}
            </div>
          );
        })}
      </div>
      {footer !== undefined && <div className="grid-foot">{footer}</div>}
    </div>
  );
}

/** Scrolls by the height of the rows that were added above the first visible one. */
function useKeptPosition<T>(
  scroller: RefObject<HTMLDivElement | null>,
  items: readonly T[],
  idOf: (item: T) => string,
  rowHeight: number,
): void {
  const old = useRef(items);
  useLayoutEffect(() => {
    const element = scroller.current;
    const before = old.current;
    old.current = items;
    if (element === null || before === items || element.scrollTop < rowHeight) return;
    const at = Math.floor(element.scrollTop / rowHeight);
    const first = before[at];
    if (first === undefined || (items[at] !== undefined && idOf(items[at]) === idOf(first))) return;
    const now = items.findIndex((item) => idOf(item) === idOf(first));
    if (now !== -1) {
      element.scrollTop += (now - at) * rowHeight;
    }
  }, [items]);
}

function isControl(target: EventTarget | null): boolean {
  return target instanceof Element && target.closest("a, button") !== null;
}
