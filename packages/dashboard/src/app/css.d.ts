// Style sheets are bundled by Vite; the types only need to know that they exist.
declare module '*.css' {}
