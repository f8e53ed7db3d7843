import { words } from "./words";

export const es = words(
  "Anterior",
  "Siguiente",
  "antes",
  "ahora",
  "carrusel",
  "Recomendado para ti",
  "También te puede gustar",
  "Combina con tu cesta",
);
