/** Tells which cards were really seen: at least half of a card in view for one second, counted once. */

const SHARE = 0.5;
const DURATION_MS = 1000;
const GATHER_MS = 100; // cards that came into view together are told together

/** Watches the cards; returns the function that stops it. */
export function watchSeen(cards: Element[], onSeen: (places: number[]) => void): () => void {
  const timers = new Map<Element, ReturnType<typeof setTimeout>>();
  let seen: number[] = [];
  let telling: ReturnType<typeof setTimeout> | 0 = 0;

  function tell(): void {
    if (seen.length) onSeen(seen);
    seen = [];
  }

  function count(card: Element): void {
    observer.unobserve(card);
    if (document.hidden) return observer.observe(card); // starts anew when the tab is looked at again
    if (!seen.length) telling = setTimeout(tell, GATHER_MS);
    seen.push(cards.indexOf(card));
  }

  const observer = new IntersectionObserver(
    (entries) => {
      for (const { target, intersectionRatio } of entries) {
        clearTimeout(timers.get(target));
        if (intersectionRatio >= SHARE) timers.set(target, setTimeout(count, DURATION_MS, target));
      }
    },
    { threshold: SHARE },
  );
  for (const card of cards) observer.observe(card);
  return () => {
    observer.disconnect();
    timers.forEach(clearTimeout);
    clearTimeout(telling);
    tell();
  };
}
