const ENTITIES: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };

/** Text for SVG and HTML, in an attribute too. */
export function escaped(content: string): string {
  return content.replace(/[&<>"]/g, (character) => ENTITIES[character] ?? character);
}
