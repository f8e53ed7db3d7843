/** Previous and next for a row that scrolls by itself: the buttons scroll it, and follow how far it has come. */

const SHARE_OF_VIEW = 0.9; // a part of the last card stays in sight, so that the eye keeps its place

/** Ties the buttons to the row; returns the function that unties what outlives them. */
export function tieButtons(row: HTMLElement, buttons: HTMLElement): () => void {
  const [previous, next] = buttons.children as unknown as [HTMLElement, HTMLElement];

  function follow(): void {
    const travelled = Math.abs(row.scrollLeft); // negative where the page runs from right to left
    const left = row.scrollWidth - row.clientWidth - travelled;
    buttons.toggleAttribute("data-idle", travelled < 2 && left < 2);
    // aria-disabled, not disabled: a button that vanishes from under the focus would send it to the top of the page
    previous.setAttribute("aria-disabled", (travelled < 2) as never);
    next.setAttribute("aria-disabled", (left < 2) as never);
  }

  function scroll(steps: number): void {
    const direction = getComputedStyle(row).direction === "rtl" ? -steps : steps;
    row.scrollBy({ left: direction * row.clientWidth * SHARE_OF_VIEW }); // smoothly, unless the shopper wants no motion
  }

  // as properties: a list that is tied again, as one that the server has drawn, listens once
  previous.onclick = () => scroll(-1);
  next.onclick = () => scroll(1);
  row.onscroll = follow;
  const size = new ResizeObserver(follow);
  size.observe(row);
  return () => size.disconnect();
}
