/** The two codecs are Emscripten modules without types of their own; only what `decompress.ts` calls is named. */
interface WasmDecoder {
  getEncodedBuffer(length: number): Uint8Array;
  decode(): void;
  getDecodedBuffer(): Uint8Array;
  getFrameInfo(): { width: number; height: number; componentCount: number; bitsPerSample: number };
  delete(): void;
}

declare module "@cornerstonejs/codec-charls/decodewasmjs" {
  export default function load(output: {
    print(): void;
    printErr(): void;
  }): Promise<{ JpegLSDecoder: new () => WasmDecoder }>;
}

declare module "@cornerstonejs/codec-openjpeg/decodewasmjs" {
  export default function load(output: {
    print(): void;
    printErr(): void;
  }): Promise<{ J2KDecoder: new () => WasmDecoder }>;
}

declare module "jpeg-lossless-decoder-js" {
  export class Decoder {
    decompress(buffer: ArrayBuffer, offset: number, length: number): ArrayBuffer;
  }
}
