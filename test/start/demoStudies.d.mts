export function studiesToTry(heart: string): Readonly<Record<"heart-again" | "too-loud", string>>;
