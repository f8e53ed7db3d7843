/**
 * Where lists are. They are asked for when the first of a page's comes near the view, and then all of them, in one
 * request; and what is in view keeps its room.
 */

const MARGIN = 400; // pixels: about one flick of a thumb ahead

interface Lazy extends Element {
  /** Asks for the list. */
  load(): void;
}

const waiting = new Set<Lazy>();
let observer: IntersectionObserver | undefined;

export function loadWhenNear(element: Lazy): void {
  observer ??= new IntersectionObserver(
    (entries) => entries.some((entry) => entry.isIntersecting) && loadAll(),
    { rootMargin: `${MARGIN}px` },
  );
  // The observer speaks with the next frame, and a page that loads draws late: so we look ourselves, too
  setTimeout(() => (element.getAttribute("loading") === "eager" || isNear(element)) && loadAll());
  waiting.add(element);
  observer.observe(element);
}

export function stopWaiting(element: Lazy): void {
  waiting.delete(element);
  observer?.unobserve(element);
}

/** Does it once the element is out of view, so that nothing that is looked at jumps. */
export function onceAway(element: Element, run: () => void): void {
  new IntersectionObserver(([entry], observer) => {
    if (entry!.isIntersecting) return;
    observer.disconnect();
    run();
  }).observe(element);
}

function isNear(element: Lazy): boolean | undefined {
  const [box] = element.getClientRects(); // none: it is not shown
  return box && !document.hidden && box.top < innerHeight + MARGIN && box.bottom > -MARGIN;
}

function loadAll(): void {
  for (const element of [...waiting]) {
    stopWaiting(element);
    element.load();
  }
}
