/** Whether the API that this page is built for can connect to providers. */
declare const __HAS_PROVIDERS__: boolean;
