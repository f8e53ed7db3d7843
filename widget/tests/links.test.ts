import { expect, test } from "vitest";
import { safeUrl } from "../src/links";

test.each([
  ["https://shop.example/p/1?a=1&b=2", "https://shop.example/p/1?a=1&b=2"],
  ["http://shop.example/", "http://shop.example/"],
  ["/p/1", "https://shop.example/p/1"],
  ["p/1", "https://shop.example/shoes/p/1"],
  ["//cdn.example/1.jpg", "https://cdn.example/1.jpg"],
  ["?page=2", "https://shop.example/shoes/?page=2"],
])("%s leads to %s", (address, expected) => {
  document.head.innerHTML = '<base href="https://shop.example/shoes/">';
  expect(safeUrl(address)).toBe(expected);
});

test.each([
  "javascript:alert(1)",
  "JaVaScRiPt:alert(1)",
  " javascript:alert(1)",
  "java\nscript:alert(1)",
  "\u0001javascript:alert(1)",
  "data:text/html,<script>alert(1)</script>",
  "vbscript:x",
  "blob:https://shop.example/1",
  "file:///etc/passwd",
  "http://",
  "",
  null,
  undefined,
  42,
  {},
])("%j leads nowhere", (address) => {
  expect(safeUrl(address)).toBe("");
});
