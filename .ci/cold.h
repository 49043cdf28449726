/* What compiled code calls where something has gone wrong: the compiler lays the way there aside,
   so that what happens lies close together. It is half of the code. */
#include <Python.h>

#define COLD __attribute__((cold))

COLD void CPyError_OutOfMemory(void);
COLD void CPy_TypeError(const char *expected, PyObject *value);
COLD void CPy_AddTraceback(const char *filename, const char *funcname, int line,
                           PyObject *globals);
COLD void CPy_TypeErrorTraceback(const char *filename, const char *funcname, int line,
                                 PyObject *globals, const char *expected, PyObject *value);
COLD void CPy_AttributeError(const char *filename, const char *funcname, const char *classname,
                             const char *attrname, int line, PyObject *globals);

#undef COLD
