/**
 * Cards in the shop's own markup: a `<template>` inside the element. `<slot name="title">` becomes the widget's own part
 * (`image`, `title` with the link, `price`, `reason`); any other name the item's field as text.
 */

import type { Item } from "./recommendations";

export function fillTemplate(
  template: HTMLTemplateElement,
  item: Item | null,
  parts: Record<string, Node>,
): Node[] {
  const content = template.content.cloneNode(true) as DocumentFragment;
  for (const slot of content.querySelectorAll("slot")) {
    slot.replaceWith(parts[slot.name] ?? String(item?.[slot.name as "title"] ?? ""));
  }
  return [...content.childNodes];
}
