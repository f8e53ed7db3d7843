/** Stylesheets are imported as their text. */
declare module "*.css?inline" {
  const text: string;
  export default text;
}
