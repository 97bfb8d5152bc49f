"""Merges a template with a workbook in a headless LibreOffice: one text file a letter.

office.py WORKBOOK TEMPLATE FOLDER: the workbook is the data source `letters`, its sheet `brieven`
the table; files are named by the column `kenmerk`. Prints the columns and their types.
"""

import os
import pathlib
import signal
import subprocess
import sys
import time

import uno

workbook, template, folder = (pathlib.Path(word).resolve() for word in sys.argv[1:4])
pipe = "nachtwacht-" + "".join(c for c in str(folder) if c.isalnum())
office = subprocess.Popen(
    [
        "soffice", "--headless", "--norestore", "--nologo", "--nodefault",
        f"-env:UserInstallation={(folder / 'profile').as_uri()}",
        f"--accept=pipe,name={pipe};urp;",
    ],
    start_new_session=True,
)


def connect():
    here = uno.getComponentContext()
    resolver = here.ServiceManager.createInstanceWithContext("com.sun.star.bridge.UnoUrlResolver", here)
    end = time.monotonic() + 90
    while True:
        try:
            return resolver.resolve(f"uno:pipe,name={pipe};urp;StarOffice.ComponentContext")
        except Exception:
            if time.monotonic() > end:
                raise
            time.sleep(0.1)


def merge():
    context = connect()

    def make(name):
        return context.ServiceManager.createInstanceWithContext(name, context)

    sources = make("com.sun.star.sdb.DatabaseContext")
    source = sources.createInstance()
    source.URL = "sdbc:calc:" + workbook.as_uri()
    source.DatabaseDocument.storeAsURL((folder / "letters.odb").as_uri(), ())
    sources.registerObject("letters", source)
    connection = source.getConnection("", "")
    for column in connection.Tables.getByName("brieven").Columns:
        print(column.Name, column.TypeName)
    connection.close()
    job = make("com.sun.star.text.MailMerge")
    job.DataSourceName = "letters"
    job.CommandType = 0  # a table
    job.Command = "brieven"
    job.DocumentURL = template.as_uri()
    job.OutputType = 2  # files
    job.OutputURL = (folder / "merged").as_uri()
    job.FileNameFromColumn = True
    job.FileNamePrefix = "kenmerk"
    job.SaveFilter = "Text (encoded)"
    job.SaveFilterOptions = "UTF8,LF"
    job.SaveAsSingleFile = False
    job.execute(())


code = 1
try:
    (folder / "merged").mkdir()
    merge()
    code = 0
except Exception as e:
    print(type(e).__name__, e, file=sys.stderr)
finally:
    # Version 7.4 falls over when it closes a merged document; by now everything is written.
    sys.stdout.flush()
    os.killpg(office.pid, signal.SIGKILL)
    office.wait()
    os._exit(code)
