/** Lists are asked for when the first of a page's comes near the view, and then all of them, in one request. */

const MARGIN = "400px"; // about one flick of a thumb ahead

interface Lazy extends Element {
  /** Asks for the list. */
  load(): void;
}

const waiting = new Set<Lazy>();
let observer: IntersectionObserver | null = null;

export function loadWhenNear(element: Lazy): void {
  observer ??= new IntersectionObserver(look, { rootMargin: MARGIN });
  waiting.add(element);
  observer.observe(element);
}

export function stopWaiting(element: Lazy): void {
  waiting.delete(element);
  observer?.unobserve(element);
}

function look(entries: IntersectionObserverEntry[]): void {
  if (!entries.some(({ isIntersecting }) => isIntersecting)) return;
  for (const element of [...waiting]) {
    stopWaiting(element);
    element.load();
  }
}
