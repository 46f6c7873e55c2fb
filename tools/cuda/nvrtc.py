"""Compiles a CUDA source with NVRTC, as programs do at run time: `nvrtc.py LIBNVRTC SOURCE ARCHITECTURE..`; no GPU needed."""
import ctypes
import sys

library, path, *architectures = sys.argv[1:]
nvrtc = ctypes.CDLL(library)
source = open(path, "rb").read()
for architecture in architectures:
    program = ctypes.c_void_p()
    nvrtc.nvrtcCreateProgram(ctypes.byref(program), source, b"degu_kernels", 0, None, None)
    options = (ctypes.c_char_p * 1)(f"--gpu-architecture={architecture}".encode())
    failed = nvrtc.nvrtcCompileProgram(program, 1, options)
    size = ctypes.c_size_t()
    nvrtc.nvrtcGetProgramLogSize(program, ctypes.byref(size))
    log = ctypes.create_string_buffer(size.value)
    nvrtc.nvrtcGetProgramLog(program, log)
    if failed:
        sys.exit(f"NVRTC, {architecture}: {log.value.decode()}")
    nvrtc.nvrtcGetCUBINSize(program, ctypes.byref(size))
    print(f"NVRTC, {architecture}: {size.value} bytes of machine code {log.value.decode().strip()}")
