"""The words of the reports, in Indonesian and in English."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

Language: TypeAlias = Literal["id", "en"]
LANGUAGES: Final[tuple[Language, ...]] = ("id", "en")

_WORDS: Final = {
    "survey title": ("Formulir survei lalu lintas terklasifikasi", "Classified traffic count survey"),
    "daily title": ("Ringkasan harian", "Daily summary"),
    "weekly title": ("Ringkasan mingguan", "Weekly summary"),
    "monthly title": ("Ringkasan bulanan", "Monthly summary"),
    "city title": ("Perbandingan simpang", "Comparison of junctions"),
    "summary": ("Ringkasan", "Summary"),
    "volume": ("Volume", "Volume"),
    "coefficients": ("Koefisien", "Coefficients"),
    "approach": ("Lengan", "Approach"),
    "line": ("Garis", "Line"),
    "U": ("Utara (U)", "North (U)"),
    "S": ("Selatan (S)", "South (S)"),
    "T": ("Timur (T)", "East (T)"),
    "B": ("Barat (B)", "West (B)"),
    "BKi": ("Belok kiri (BKi)", "Left (BKi)"),
    "LRS": ("Lurus (LRS)", "Straight (LRS)"),
    "BKa": ("Belok kanan (BKa)", "Right (BKa)"),
    "PB": ("Putar balik (PB)", "U-turn (PB)"),
    "forward": ("Arah maju", "Forward"),
    "backward": ("Arah balik", "Backward"),
    "entering": ("Semua yang masuk", "All that entered"),
    "motorcycle": ("SM", "MC"),
    "car": ("MP", "Car"),
    "bus": ("Bus", "Bus"),
    "truck": ("Truk", "Trk"),
    "bicycle": ("KTB", "NMV"),
    "class": ("Kelas", "Class"),
    "pkji class": ("Kelas PKJI", "PKJI class"),
    "factor": ("emp", "emp"),
    "source": ("Sumber", "Source"),
    "time": ("Waktu", "Time"),
    "date": ("Tanggal", "Date"),
    "week": ("Minggu (mulai)", "Week from"),
    "month": ("Bulan", "Month"),
    "status": ("Status", "Status"),
    "complete": ("lengkap", "complete"),
    "partial": ("sebagian", "partial"),
    "interrupted": ("terputus", "interrupted"),
    "missed": ("tidak teramati", "missed"),
    "vehicles": ("Kendaraan", "Vehicles"),
    "followed": ("Jumlah", "Sum"),
    "smp": ("SMP", "PCU"),
    "v60": ("V60", "V60"),
    "total": ("Jumlah", "Total"),
    "total incomplete": ("Jumlah (tidak lengkap)", "Total (incomplete)"),
    "what": ("Keterangan", "Item"),
    "value": ("Nilai", "Value"),
    "camera": ("Kamera", "Camera"),
    "name": ("Nama", "Name"),
    "district": ("Kecamatan", "District"),
    "period": ("Periode", "Period"),
    "zone": ("Zona waktu", "Time zone"),
    "facility": ("Jenis fasilitas", "Facility"),
    "version": ("Tabel emp", "Coefficient table"),
    "observed": ("Teramati", "Observed"),
    "observed share": ("Teramati", "Observed"),
    "hours": ("jam", "h"),
    "bins": ("Bin 15 menit", "15-minute bins"),
    "followed share": ("Masuk yang diikuti sampai keluar", "Entered and followed to an exit"),
    "peak title": ("Jam puncak", "Peak hour"),
    "peak hour": ("Jam puncak", "Peak hour"),
    "v15max": ("V15 maks", "V15 max"),
    "phf": ("FJS", "PHF"),
    "smp_h": ("SMP/jam", "PCU/h"),
    "junction": ("Simpang", "Junction"),
    "saturation title": ("Derajat kejenuhan pada jam puncak", "Degree of saturation in the peak hour"),
    "q": ("q (SMP/jam)", "q (PCU/h)"),
    "J": ("J (SMP/jam hijau)", "J (PCU/h green)"),
    "green": ("wH (dtk)", "wH (s)"),
    "cycle": ("s (dtk)", "s (s)"),
    "C": ("C (SMP/jam)", "C (PCU/h)"),
    "DJ": ("DJ", "DJ"),
    "PBelok": ("P belok", "P turning"),
    "delay": ("T (dtk/SMP)", "T (s/PCU)"),
    "service": ("Tingkat pelayanan", "Level of service"),
    "days": ("Hari lengkap", "Complete days"),
    "lhr": ("LHR", "ADT"),
    "lhr smp": ("LHR (SMP)", "ADT (PCU)"),
    "note blank": (
        "Sel kosong: tidak teramati. Kosong tidak sama dengan 0.",
        "Blank: not observed. Blank is not 0.",
    ),
    "note status": (
        "Status: lengkap (paling sedikit 98% teramati), sebagian (rekaman mulai atau berakhir di dalamnya), terputus"
        " (ada celah), tidak teramati. Bin yang tidak lengkap ditulis apa adanya, tanpa pembesaran.",
        "Status: complete (at least 98% observed), partial (footage begins or ends in it), interrupted (with a hole),"
        " missed. Bins that are not complete are written as counted, never scaled up.",
    ),
    "note classes": (
        "SM sepeda motor, MP mobil penumpang, Bus dan Truk kendaraan sedang (KS), KTB kendaraan tak bermotor.",
        "MC motorcycle, Trk truck, NMV non-motorised vehicle (bicycle).",
    ),
    "note smp": (
        "SMP adalah jumlah kendaraan kali emp; KTB dihitung tetapi tidak masuk SMP.",
        "PCU is vehicles times emp; non-motorised vehicles are counted but not part of PCU.",
    ),
    "note followed": (
        "Gerakan adalah kendaraan yang diikuti dari garis masuk sampai garis keluar; volume dan SMP dihitung di garis"
        " masuk.",
        "Movements are vehicles that were followed from an entry line to an exit line; volume and PCU are counted at"
        " the entry line.",
    ),
    "note lines": (
        "Kamera ini tidak punya garis masuk: jumlah simpang adalah jumlah semua garis, dan kendaraan yang melewati dua"
        " garis terhitung di keduanya.",
        "This camera has no entry lines: its total adds all lines, with who crosses two in both.",
    ),
    "note incomplete": (
        "Jumlah tidak lengkap: {missing} dari {bins} bin tidak lengkap.",
        "The total is incomplete: {missing} of {bins} bins are not complete.",
    ),
    "note incomplete days": (
        "Jumlah tidak lengkap: {missing} dari {days} hari tidak lengkap.",
        "The total is incomplete: {missing} of {days} days are not complete.",
    ),
    "note peak": (
        "Jam puncak: empat bin lengkap berurutan yang tertinggi. FJS = V60 / (4 × V15 maks).",
        "Peak hour: the highest four consecutive complete bins. PHF = V60 / (4 × V15 max).",
    ),
    "note no peak": (
        "Tidak ada jam puncak: tidak ada empat bin lengkap berurutan.",
        "No peak hour: there are no four consecutive complete bins.",
    ),
    "note lhr": (
        "LHR adalah rata-rata hari yang lengkap; tanpa hari lengkap, kosong.",
        "ADT is the mean of complete days; blank where there is none.",
    ),
    "note week": (
        "Minggu mulai hari Senin; hari di luar periode tidak ikut dihitung.",
        "Weeks begin on Monday; days outside the period are not in them.",
    ),
    "note saturation": (
        "DJ = q / C, C = J × wH / s; sasaran desain DJ ≤ 0,85 (PKJI 2023). T = TLL + TG menurut MKJI 1997; tingkat"
        " pelayanan menurut PM 96/2015. Geometri dan waktu sinyal dari berkas lokasi.",
        "DJ = q / C, C = J × wH / s; design target DJ ≤ 0.85 (PKJI 2023). T = TLL + TG by MKJI 1997; level of service"
        " by PM 96/2015. Geometry and signal times are from the site file.",
    ),
    "note no turns": (
        "Tanpa gerakan belok yang terhitung, P belok dianggap 0.",
        "Where no turns are counted, P turning is taken as 0.",
    ),
    "page": ("Halaman", "Page"),
}


def word(key: str, language: Language) -> str:
    """The word or sentence of that key."""
    return _WORDS[key][LANGUAGES.index(language)]


_LABELS: Final = frozenset(("U", "T", "S", "B", "BKi", "LRS", "BKa", "PB", "forward", "backward", "entering"))


def label(name: str, language: Language) -> str:
    """An approach, movement or direction in words; a line's name, which has none, as it is."""
    return word(name, language) if name in _LABELS else name
